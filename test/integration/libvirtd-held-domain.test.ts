import { spawn } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Host, makeHost } from "../support/host/host.ts";
import { MONITOR, Resource } from "../support/host/resource.ts";
import { killEmulator, startGuest } from "../support/lab/guest.ts";
import { guestFiles } from "../support/lab/guest-files.ts";
import { run } from "../support/lab/run.ts";

describe("a domain that libvirt holds for a dump into dead storage", () => {
  let host: Host;

  beforeAll(async () => {
    host = await makeHost("monitorIntervalS: 1");
    const files = await guestFiles();
    for (const name of ["held", "free"]) await startGuest(host.libvirtd, { name, files, kind: "sector" });
    await host.daemon.start();
  });

  afterAll(() => host.stop());

  it("does not keep the agent from seeing the other guests", async () => {
    const held = new Resource(host, "held_res", { GuestName: "held" });
    const free = new Resource(host, "free_res", { GuestName: "free" });
    for (const resource of [held, free]) {
      await resource.open();
      expect(await resource.monitor()).toBe(MONITOR.online);
    }
    const pipe = join(host.folder, "pipe");
    await run("mkfifo", [pipe]);
    const dump = spawn("virsh", ["-q", "-c", host.libvirtd.uri, "dump", "--memory-only", "held", pipe]);

    await host.daemon.waitForLine(
      "a domain keeps libvirt from reading all at once, guests are read one by one",
    );
    expect(await free.monitor()).toBe(MONITOR.online);
    await killEmulator(host.libvirtd, "free");
    // there is no engine on this host, so the attempt is what shows that the daemon saw the end
    await host.daemon.waitForLine("engine cannot be asked to probe", { resource: "free_res" });
    expect(await free.monitor()).toBe(MONITOR.offline);
    expect(await held.monitor()).toBe(103);

    dump.kill("SIGKILL");
    await run("sh", ["-c", `timeout 10 cat ${pipe} >/dev/null || true`]); // lets libvirtd go on, and end
  });
});
