import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { domainState, emulatorPid, startGuest, waitForMarker } from "../support/lab/guest.ts";
import { type GuestFiles, guestFiles } from "../support/lab/guest-files.ts";
import { type Lab, makeLab } from "../support/lab/lab.ts";

let files: GuestFiles;
let lab: Lab;

beforeAll(async () => {
  files = await guestFiles();
  lab = await makeLab(["node1", "node2"]);
});

afterAll(() => lab.stop());

describe("two hosts", () => {
  it("move", async () => {
    const [one, two] = [lab.on("node1"), lab.on("node2")];
    expect((await one.exec("hostname")).stdout).toBe("node1");
    expect((await one.exec("virsh", ["-c", two.uri, "hostname"])).stdout).toBe("node2");
    const serialLog = `${lab.folder}/web1.serial`;
    await startGuest(one.libvirtd, { name: "web1", files, tick: true, serialLog });
    await waitForMarker(serialLog, "TICK 2");
    console.log(await emulatorPid(one.libvirtd, "web1"));
    await one.libvirtd.virsh("migrate", "--p2p", "--live", "--persistent", "web1", two.uri);
    expect(await domainState(two.libvirtd, "web1")).toBe("running (migrated)");
    expect(await domainState(one.libvirtd, "web1")).toBe("shut off (migrated)");
    await waitForMarker(serialLog, "TICK 6");
  });
});
