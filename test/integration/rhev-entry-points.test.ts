import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeHost } from "../support/host/host.ts";
import { until } from "../support/lab/until.ts";
import { startRhevmSimulator } from "../support/rhevm-simulator/simulator.ts";

const rhevm = await startRhevmSimulator({ hosts: ["node1", "node2"], vms: ["web1"], speed: 10 });
const host = await makeHost();
const password = join(host.folder, "rhevm-password");

beforeAll(async () => {
  await writeFile(password, "secret\n", { mode: 0o600 });
  await host.configure(`rhev: { host: node1, caFile: ${rhevm.caFile}, passwordFile: ${password} }`);
  await host.daemon.start();
  await host.startEngine(`KVMGuest web1_res (
    GuestName = web1
    DelayAfterGuestOnline = 1
    RHEVMInfo = { Enabled = 1, URL = "${rhevm.url}", User = "admin@internal", Password = XYZ, Cluster = Default, UseManualRHEVMFencing = 0 }
    )`);
});

afterAll(async () => {
  await host.stop();
  await rhevm.stop();
});

describe("a guest of RHEV-M", () => {
  it("is started here, seen, and shut down", async () => {
    const { engine } = host;
    await engine.probed(30_000);
    await engine.online("web1_res");
    await until("it is online", () => engine.state("web1_res") === "ONLINE");
    await until("it is up", () => rhevm.world.vm("web1").status === "up");
    await engine.offline("web1_res");
    await until("it is offline", () => engine.state("web1_res") === "OFFLINE");
    expect(rhevm.world.vm("web1").status).toBe("down");
  });
});
