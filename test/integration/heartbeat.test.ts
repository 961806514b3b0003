import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { is } from "../support/engine/engine-log.ts";
import { agentGuest, HEARTBEAT, QUICK_HEARTBEAT, sayTo } from "../support/host/agent-guest.ts";
import { type Host, makeHost } from "../support/host/host.ts";
import { defineGuest, emulatorPid, freezeEmulator } from "../support/lab/guest.ts";
import { guestFiles } from "../support/lab/guest-files.ts";

const SOON = { timeout: 60_000 };

/** The engine's own monitors are an hour away: whatever it learns, the daemon told it. */
const QUIET = "DelayAfterGuestOnline = 0\n MonitorInterval = 3600\n OfflineMonitorInterval = 3600";

const GUESTS = [
  { name: "hung", faultOnHbLoss: 1 },
  { name: "ended", faultOnHbLoss: 0 },
  { name: "frozen", faultOnHbLoss: 1 },
] as const;

let host: Host;

beforeAll(async () => {
  host = await makeHost(QUICK_HEARTBEAT);
  const files = await guestFiles();
  for (const { name } of GUESTS) await defineGuest(host.libvirtd, agentGuest(host, files, name));
  await host.daemon.start();
  await host.startEngine(
    GUESTS.map(
      ({ name, faultOnHbLoss }) => `KVMGuest ${name} ( GuestName = ${name}
        CEInfo = { Enabled = 1, CESystem = ${name}, FaultOnHBLoss = ${faultOnHbLoss} }
        ${QUIET} )`,
    ).join("\n"),
  );
  await host.engine.probed();
});

afterAll(() => host.stop());

/** Brings a guest online and waits for the first answer of its agent; the places in both logs after that. */
async function online(name: string): Promise<{ readonly daemon: number; readonly engine: number }> {
  expect(await host.engine.online(name)).toBe("ONLINE");
  await host.daemon.waitForLine(HEARTBEAT.armed, { guest: name });
  expect(host.engine.confidence(name)).toBe(100);
  return { daemon: host.daemon.lines.length, engine: host.engine.log.entries.length };
}

/** The reason that the engine's last news of a resource had. */
function lastReason(resource: string): string {
  return String(host.daemon.said("engine is told a new state", { resource }).at(-1)?.["reason"]);
}

describe("a guest whose agent was heard", () => {
  it("is a fault when the agent hangs, by default: the engine cleans the guest, and it is gone", async () => {
    const from = await online("hung");
    const pid = await emulatorPid(host.libvirtd, "hung");

    await sayTo(host, "hung", "agent-stop");
    const cleaned = await host.engine.waitFor(is("clean", { reason: 4 }), 60_000, from.engine);

    expect(cleaned.resource).toBe("hung");
    const lost = host.daemon.said(HEARTBEAT.lost, { guest: "hung" });
    expect(lost).toMatchObject([{ misses: 3, isFault: true }]);
    expect(lastReason("hung")).toMatch(
      /^libvirt says running \(booted\); its guest agent is silent: 3 questions/,
    );
    await expect.poll(() => host.engine.state("hung"), SOON).toContain("FAULTED");
    expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  });

  it("is in doubt when the agent ends and FaultOnHBLoss is 0, until the agent is back", async () => {
    const from = await online("ended");

    await sayTo(host, "ended", "agent-end");
    await expect.poll(() => host.engine.confidence("ended"), SOON).toBe(50);
    expect(host.engine.state("ended")).toBe("ONLINE");
    expect(lastReason("ended")).toContain("its guest agent is silent");

    await sayTo(host, "ended", "agent-start");
    await expect.poll(() => host.engine.confidence("ended"), SOON).toBe(100);
    await host.daemon.waitForLine(
      HEARTBEAT.back,
      { guest: "ended", because: "answered" },
      { from: from.daemon },
    );
    expect(host.engine.log.entries.slice(from.engine).filter(is("clean"))).toEqual([]);
    expect(host.daemon.said(HEARTBEAT.wrongName)).toEqual([]);
  });

  it("is a fault when its whole emulator stands still (scenario 27)", async () => {
    const from = await online("frozen");

    await freezeEmulator(host.libvirtd, "frozen");
    const cleaned = await host.engine.waitFor(is("clean", { reason: 4 }), 60_000, from.engine);

    expect(cleaned.resource).toBe("frozen");
    // libvirt itself takes ten seconds to end it
    await expect.poll(() => host.engine.state("frozen"), SOON).toContain("FAULTED");
  });
});
