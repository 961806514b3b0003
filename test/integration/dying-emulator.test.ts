import { randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bootId } from "../../src/boot-id.ts";
import { emulatorAt } from "../../src/kvm/emulator-facts.ts";
import { type Host, makeHost } from "../support/host/host.ts";
import { MONITOR, Resource } from "../support/host/resource.ts";
import { defineGuest, emulatorPid, guestPaths } from "../support/lab/guest.ts";
import { guestFiles } from "../support/lab/guest-files.ts";
import { until } from "../support/lab/until.ts";
import { type MemorylessEmulator, memorylessEmulator } from "../support/trouble/memoryless-emulator.ts";

let host: Host;
let emulator: MemorylessEmulator | undefined;

beforeAll(async () => {
  host = await makeHost();
});

afterAll(async () => {
  await emulator?.stop();
  await host.stop();
});

function fileOf(resource: string): string {
  return join(host.stateDirectory, "registrations", `${resource}.json`);
}

async function registration(resource: string): Promise<Readonly<Record<string, unknown>>> {
  const content: unknown = JSON.parse(await readFile(fileOf(resource), "utf8"));
  return typeof content === "object" && content !== null ? { ...content } : {};
}

describe("the emulator that a registration remembers", () => {
  it("is that of the running guest, and fails a clean after a restart when it dies without an end", async () => {
    const { libvirtd, daemon } = host;
    const uuid = randomUUID();
    const files = await guestFiles();
    await defineGuest(libvirtd, {
      name: "web1",
      kind: "sector",
      files,
      uuid,
      ...guestPaths(libvirtd, "web1"),
    });
    const resource = new Resource(host, "web1", { GuestName: "web1" });
    await daemon.start();
    await resource.open();
    await resource.online();
    await until("it runs", async () => (await resource.monitor()) === MONITOR.online);
    const real = await emulatorAt(await emulatorPid(libvirtd, "web1"));
    await until("it is kept", async () => (await registration("web1"))["emulator"] !== undefined);
    const { emulator: kept, ...rest } = await registration("web1");
    expect(kept).toMatchObject({ pid: real?.pid, startTicks: real?.startTicks });

    // as if the one that the registration names had died so: no signal and no test can bring a real one there
    emulator = await memorylessEmulator("web1", uuid);
    const dying = await emulatorAt(emulator.pid);
    await emulator.kill();
    await daemon.stop();
    await libvirtd.virsh("destroy", "web1");
    const { pid, startTicks } = dying ?? { pid: 0, startTicks: "" };
    await writeFile(
      fileOf("web1"),
      JSON.stringify({ ...rest, emulator: { pid, startTicks, bootId: bootId() } }),
    );
    await daemon.start();

    expect((await resource.clean(5)).exitCode).toBe(1);
    expect(JSON.stringify(daemon.said("entry point failed", { entryPoint: "clean" }))).toContain(
      `emulator with pid ${pid} outlived SIGKILL`,
    );
    await resource.online();
    expect(await resource.monitor()).not.toBe(MONITOR.online);
    await emulator.stop();
    expect((await resource.clean(5)).exitCode).toBe(0);
    expect((await registration("web1"))["emulator"]).toBeUndefined();
    await resource.online();
    expect(await resource.monitor()).toBe(MONITOR.online);
  });
});
