import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkReport } from "../support/host/check.ts";
import { type Host, makeHost } from "../support/host/host.ts";
import { knownGuest, openedResource } from "../support/host/known-guest.ts";
import { MONITOR } from "../support/host/resource.ts";
import { attentiveFiles, attentiveOptions } from "../support/lab/boot-sector.ts";
import { defineGuest } from "../support/lab/guest.ts";
import { type GuestFiles, guestFiles } from "../support/lab/guest-files.ts";
import { type DeadShare, deadShare } from "../support/trouble/dead-share.ts";

describe("the share of the guests' definitions is dead", () => {
  let host: Host;
  let files: GuestFiles;
  let share: DeadShare;

  beforeAll(async () => {
    host = await makeHost();
    files = await attentiveFiles(host.libvirtd, await guestFiles());
    share = await deadShare();
    await host.startDaemon();
  });

  afterAll(() => host.stop());

  const onShare = (name: string) =>
    openedResource(host, name, {
      GuestConfigFilePath: join(share.folder, `${name}.xml`),
      DelayAfterGuestOnline: "0",
    });

  it("costs kvmguestctl check a row, and does not keep it from ending", async () => {
    const sync = await deadShare();
    try {
      await openedResource(host, "synced", { SyncDir: sync.folder });

      const { rows } = await checkReport(host, [], "synced");

      expect(rows.filter((row) => row.includes("| sync folder |"))).toEqual([
        "not checked | sync folder | guest synced | the look at guest synced did not end within 5000 ms",
      ]);
    } finally {
      await sync.stop();
    }
  });

  it("fails the onlines that need it, starts a guest that has a definition, and costs no other guest its clean", async () => {
    await defineGuest(host.libvirtd, attentiveOptions(host.libvirtd, "defined", files));
    const well = await knownGuest(host, files, "well");
    const sick = await Promise.all(["sick1", "sick2", "sick3", "sick4", "sick5"].map(onShare));
    const defined = await onShare("defined");
    const onlines = sick.map((resource) => resource.online({ timeoutS: 30 }));
    const known = defined.online({ timeoutS: 60 });

    expect(await well.monitor({ timeoutS: 20 })).toBe(MONITOR.online);
    expect((await well.clean(4, { timeoutS: 20 })).exitCode).toBe(0);
    expect(await well.monitor({ timeoutS: 20 })).toBe(MONITOR.offline);
    for (const { ms } of await Promise.all(onlines)) expect(ms).toBeLessThan(28_000);
    expect(JSON.stringify(host.daemon.said("entry point failed"))).toMatch(/storage .*hangs/);
    await known;
    expect(await defined.monitor({ timeoutS: 20 })).toBe(MONITOR.online);
    await share.stop();
  });

  it("may hold the registrations: the daemon serves without them, and cleans guests", async () => {
    const disk = await deadShare();
    try {
      await host.daemon.stop();
      const configuration = await readFile(host.configFile, "utf8");
      const dead = `stateDirectory: ${join(disk.folder, "state")}`;
      await writeFile(host.configFile, configuration.replace(/^stateDirectory: .*$/m, dead));
      await host.startDaemon();
      const well = await knownGuest(host, files, "on-disk");
      const others = ["a", "b", "c", "d", "e"].map((name) => openedResource(host, name));
      for (const other of await Promise.all(others)) expect(await other.monitor()).toBe(MONITOR.offline);

      expect((await well.clean(4, { timeoutS: 20 })).exitCode).toBe(0);
      expect(await well.monitor({ timeoutS: 20 })).toBe(MONITOR.offline);
    } finally {
      host.daemon.signal("SIGKILL"); // it ends when what hangs in it is let go, and writes nothing then
      await disk.stop();
      await host.daemon.stop();
    }
  });
});
