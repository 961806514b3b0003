import { afterAll, beforeAll, it } from "vitest";
import { attentiveFiles, startAttentive, tell } from "../support/lab/boot-sector.ts";
import { type GuestFiles, guestFiles } from "../support/lab/guest-files.ts";
import { holdMigrations } from "../support/lab/hold.ts";
import { type Lab, makeLab } from "../support/lab/lab.ts";
import { migrateGuest } from "../support/lab/migrate.ts";

let files: GuestFiles;
let lab: Lab;
beforeAll(async () => {
  files = await guestFiles();
  lab = await makeLab(["node1", "node2"]);
});
afterAll(() => lab.stop());
it("sector", async () => {
  const one = lab.on("node1");
  const att = await attentiveFiles(one.libvirtd, files);
  await startAttentive(one.libvirtd, "a", att, { migrates: true });
  await tell(one.libvirtd, "a", "scribble");
  const hmp = (c: string) => one.libvirtd.virsh("qemu-monitor-command", "a", "--hmp", c).catch(String);
  await holdMigrations(one.libvirtd, "a");
  console.log(await hmp("info migrate_parameters"));
  const m = migrateGuest("a", one, lab.on("node2")).catch(console.log);
  let done = false;
  void m.finally(() => {
    done = true;
  });
  let n = 0;
  while (!done && n++ < 200)
    console.log(
      Math.round(performance.now()),
      (await hmp("info migrate"))
        .split("\n")
        .filter((l) => /status|remaining|sync|dirty|normal:|throughput/i.test(l))
        .join("; "),
    );
});
