import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Host, makeHost } from "../support/host/host.ts";
import { until } from "../support/lab/until.ts";
import { configure } from "../support/trouble/configuration.ts";
import { monitorCode, runEntryPoint } from "../support/trouble/entry-point-run.ts";
import { guestNames, runSectorGuests } from "../support/trouble/sector-guests.ts";

const ONLINE_100 = 110;
const ONLINE_30 = 103;
const ONLINE_20 = 102;
const UNKNOWN = 99;
const INTENTIONAL_OFFLINE = 200;

const GUESTS = guestNames(5);
const ROUNDS = 3;
const AT_ONCE = 20;

describe("the log of a daemon", () => {
  let host: Host;

  beforeAll(async () => {
    host = await makeHost();
    await configure(host, { logLevel: "info", more: ["monitorIntervalS: 1"] });
    await runSectorGuests(host.libvirtd, GUESTS);
    await host.daemon.start();
    for (const name of GUESTS)
      await until(name, async () => (await monitorCode(host, of(name))) === ONLINE_100);
  });

  afterAll(() => host.stop());

  it("has a few lines for each guest and outage, however long it is (scenario 95)", async () => {
    const { daemon, libvirtd } = host;
    const from = daemon.lines.length;
    const never = { resource: "r-never", guest: "never" };

    await libvirtd.kill();
    const codes = new Set<number | null>();
    for (let round = 0; round < ROUNDS; round += 1) {
      const all = Array.from({ length: AT_ONCE }, (_, at) => GUESTS[at % GUESTS.length] ?? "");
      for (const code of await Promise.all(all.map((guest) => monitorCode(host, of(guest))))) codes.add(code);
      expect((await runEntryPoint(host, "monitor", never)).exitCode).toBe(UNKNOWN);
    }
    expect([...codes]).toEqual([ONLINE_30]);
    const outage = daemon.lines.length - from;
    await libvirtd.restart();
    for (const name of GUESTS)
      await until(name, async () => (await monitorCode(host, of(name))) === ONLINE_100);

    // three connections lost and not reached, the follower blind, each guest told once; as much at the end
    expect(outage).toBeLessThanOrEqual(3 + 3 + 1 + (GUESTS.length + 1));
    expect(daemon.lines.length - from).toBeLessThanOrEqual(2 * outage + 2 * GUESTS.length);
    expect(daemon.said("libvirt cannot be reached", { lane: "watch" })).toHaveLength(1);
    expect(daemon.said("libvirt is reached again", { lane: "watch" })).toHaveLength(1);
    expect(daemon.said("guest state cannot be determined", { resource: "r-never" })).toHaveLength(1);
  });

  it("shows a policy that a reload has changed at the next monitor", async () => {
    const { daemon, libvirtd } = host;
    await libvirtd.virsh("suspend", "web00");
    expect(await monitorCode(host, of("web00"))).toBe(INTENTIONAL_OFFLINE);

    const from = daemon.lines.length;
    await configure(host, {
      logLevel: "info",
      more: ["monitorIntervalS: 1", 'kvm: { states: { "paused (user)": ONLINE 20 } }'],
    });
    daemon.signal("SIGHUP");
    await daemon.waitForLine("configuration reloaded", {}, { from });

    expect(await monitorCode(host, of("web00"))).toBe(ONLINE_20);
    expect(daemon.said("keys that take effect at the next start have changed")).toEqual([]);
  });
});

function of(guest: string) {
  return { resource: `r-${guest}`, guest, timeoutS: 30 };
}
