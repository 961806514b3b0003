import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Host, makeHost } from "../support/host/host.ts";
import { domainState } from "../support/lab/guest.ts";
import { guestFiles } from "../support/lab/guest-files.ts";
import { guestXml } from "../support/lab/guest-xml.ts";
import { until } from "../support/lab/until.ts";

const GUEST = "slow1";
const TUPLES = ["GuestName", "1", GUEST, "AEPTimeout", "1", "60"];

/** A start takes as long as the file `slow` says: the emulator waits before it begins. */
async function defineSlowGuest(host: Host): Promise<void> {
  const emulator = join(host.folder, "emulator");
  const wait = `case "$*" in *guest=${GUEST},*) sleep "$(cat ${host.folder}/slow)";; esac`;
  await writeFile(emulator, `#!/bin/sh\n${wait}\nexec /usr/bin/qemu-system-x86_64 "$@"\n`);
  await chmod(emulator, 0o755);
  const xml = guestXml({ name: GUEST, kind: "sector", files: await guestFiles() });
  const file = join(host.folder, "slow1.xml");
  await writeFile(file, xml.replace("/usr/bin/qemu-system-x86_64", emulator));
  await host.libvirtd.virsh("define", file);
}

async function startSlowly(host: Host, seconds: number): Promise<{ online: Promise<unknown> }> {
  await writeFile(join(host.folder, "slow"), String(seconds));
  const online = host.shim("online", "res", ...TUPLES);
  await until("libvirt begins the start", async () =>
    (await domainState(host.libvirtd, GUEST)).includes("starting up"),
  );
  return { online };
}

describe("a start that is under way when a clean comes", () => {
  let host: Host;

  beforeAll(async () => {
    host = await makeHost();
    await defineSlowGuest(host);
    await host.daemon.start();
    await host.shim("open", "res", ...TUPLES);
  });

  afterAll(() => host.stop());

  it("never leaves a guest behind after a clean that succeeded", async () => {
    const { online } = await startSlowly(host, 4);

    const clean = await host.shim("clean", "res", "2", ...TUPLES);

    expect(clean.exitCode).toBe(0);
    await online;
    expect(await domainState(host.libvirtd, GUEST)).toMatch(/^shut off/);
  });

  it("is known to a daemon that was killed in between", async () => {
    const { online } = await startSlowly(host, 4);
    await host.daemon.kill();
    await online;
    await host.daemon.start();

    const clean = await host.shim("clean", "res", "2", ...TUPLES);

    expect(clean.exitCode).toBe(0);
    expect(await domainState(host.libvirtd, GUEST)).toMatch(/^shut off/);
    const monitor = await host.shim("monitor", "res", ...TUPLES);
    expect(monitor.exitCode).toBe(100);
  });
});
