import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { AgentError } from "../../../src/agent-error.ts";
import { OFFLINE, online } from "../../../src/resource-state.ts";
import { aReading, RUNNING, STOPPED } from "../../support/fakes/fake-platform.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";
import { MetricsHost } from "../../support/metrics/metrics-host.ts";
import { samplesOf } from "../../support/metrics/samples.ts";

const WEB1 = 'resource="web1_res",guest="web1"';
const RHEVM = "https://rhevm.example.com";

let site: MetricsHost;
let host: MetricsHost["host"];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance", "Date"], now: 1_000_000 });
  site = new MetricsHost();
  ({ host } = site);
});

afterEach(() => {
  vi.useRealTimers();
});

async function sample(name: string): Promise<number | undefined> {
  return samplesOf((await site.metrics.text()).body).get(`vcskvmguestd_${name}`);
}

describe("the metrics of a resource", () => {
  it("show state and confidence as the engine was told them, and since when", async () => {
    host.platform.readings.set("web1", { ...RUNNING, state: online(40) });
    await host.ask("open");
    expect(await sample(`resource_state{${WEB1},state="online"}`)).toBe(0);
    await host.ask("monitor");
    vi.advanceTimersByTime(30_000);
    host.platform.readings.set("web1", RUNNING);
    await host.ask("monitor");

    expect(await sample(`resource_info{${WEB1},environment="kvm"}`)).toBe(1);
    expect(await sample(`resource_state{${WEB1},state="online"}`)).toBe(1);
    expect(await sample(`resource_state{${WEB1},state="offline"}`)).toBe(0);
    expect(await sample(`resource_confidence_ratio{${WEB1}}`)).toBe(1);
    expect(await sample(`resource_state_start_timestamp_seconds{${WEB1}}`)).toBe(1000);
    vi.advanceTimersByTime(30_000);
    host.platform.readings.set("web1", STOPPED);
    await host.ask("monitor");
    expect(await sample(`resource_state{${WEB1},state="offline"}`)).toBe(1);
    expect(await sample(`resource_confidence_ratio{${WEB1}}`)).toBe(0);
    expect(await sample(`resource_state_start_timestamp_seconds{${WEB1}}`)).toBe(1060);
  });

  it("count the seconds for which the engine was left with UNKNOWN, also while it still is", async () => {
    host.platform.readings.set("web1", RUNNING);
    await host.ask("monitor");
    host.platform.deeds.read = () => Promise.reject(new AgentError("PLATFORM_DOWN", "libvirt is away"));
    await host.ask("monitor");
    vi.advanceTimersByTime(20_000);
    expect(await sample(`resource_unknown_seconds_total{${WEB1}}`)).toBe(20);
    host.platform.deeds.read = () => Promise.resolve(RUNNING);
    await host.ask("monitor");
    vi.advanceTimersByTime(20_000);

    expect(await sample(`resource_unknown_seconds_total{${WEB1}}`)).toBe(20);
    expect(await sample(`resource_state{${WEB1},state="online"}`)).toBe(1);
  });

  it("tell nothing of what an operator was told, and of no reading where nobody watches", async () => {
    host.platform.readings.set("web1", RUNNING);
    await host.ask("monitor");
    host.platform.readings.set("web1", STOPPED);
    await host.ask("monitor", { isByHand: true });
    expect(await sample(`resource_state{${WEB1},state="online"}`)).toBe(1);
    const [record] = host.book.all();
    if (record !== undefined) record.lastReading = { reading: STOPPED, at: new Date(500_000) };
    expect(await sample(`resource_reading_timestamp_seconds{${WEB1}}`)).toBe(500);
    await host.ask("shutdown");

    expect(await sample(`resource_reading_timestamp_seconds{${WEB1}}`)).toBeUndefined();
  });

  it("show what an earlier process told until this one does, and nothing of one that was closed", async () => {
    const record = host.book.open("web1_res", attributesOfGuest("web1"));
    host.book.told(record, { state: online(30), active: true });
    record.lastReading = { reading: aReading({ state: OFFLINE }), at: new Date(500_000) };
    expect(await sample(`resource_state{${WEB1},state="online"}`)).toBe(1);
    expect(await sample(`resource_confidence_ratio{${WEB1}}`)).toBe(0.3);
    expect(await sample(`resource_state_start_timestamp_seconds{${WEB1}}`)).toBeUndefined();
    expect(await sample(`resource_reading_timestamp_seconds{${WEB1}}`)).toBe(500);
    await host.ask("close");

    expect((await site.metrics.text()).body).not.toContain("web1");
  });

  it("are safe against names with quotation marks", async () => {
    host.book.open('we"b\n1', attributesOfGuest("g\\1"));

    expect((await site.metrics.text()).body).toContain('resource="we\\"b\\n1",guest="g\\\\1"');
  });
});

describe("the counters", () => {
  it("count entry points by their outcome, and time them", async () => {
    host.platform.readings.set("web1", RUNNING);
    await host.ask("monitor");
    host.platform.deeds.read = () => Promise.reject(new AgentError("PLATFORM_DOWN", "libvirt is away"));
    await host.ask("monitor");
    await host.ask("monitor", { signal: AbortSignal.abort(new Error("the shim went away")) });
    host.platform.deeds.read = () => Promise.reject(new Error("a defect"));
    host.platform.deeds.destroy = () => Promise.reject(new AgentError("STILL_RUNNING", "it lives"));
    await host.ask("clean");
    await host.act("no-such-action");

    expect(await sample('entry_points_total{entry_point="monitor",outcome="done"}')).toBe(1);
    expect(await sample('entry_points_total{entry_point="monitor",outcome="unknown"}')).toBe(1);
    expect(await sample('entry_points_total{entry_point="monitor",outcome="given_up"}')).toBe(1);
    expect(await sample('entry_points_total{entry_point="clean",outcome="failed"}')).toBe(1);
    expect(await sample('entry_points_total{entry_point="action",outcome="failed"}')).toBe(1);
    expect(await sample('entry_point_duration_seconds_count{entry_point="monitor"}')).toBe(3);
    // what nobody waited for was told to nobody
    expect(await sample(`resource_state{${WEB1},state="unknown"}`)).toBe(1);
  });

  it("count what follower, prober and migrations publish", async () => {
    const { migrations } = host.facts;
    site.follower.events.emit("found", "reading");
    site.follower.events.emit("found", "event");
    site.follower.events.emit("found", "event");
    site.prober.events.emit("asked", "sent");
    site.prober.events.emit("asked", "failed");
    await migrations.begin("web1", "uuid", "node2", 1000);
    await migrations.end("web1", "uuid", "node2", { kind: "doubtful", why: "the target is silent" });
    expect(await sample("migrations_doubtful")).toBe(1);
    await migrations.end("web1", "uuid", "node2", { kind: "moved", why: "it runs there", peer: "node2" });
    await migrations.note("web2", aReading({ moved: "away" }));
    site.prober.open = 3;
    site.queue.waiting = 2;

    expect(await sample('guest_changes_total{found_by="event"}')).toBe(2);
    expect(await sample('guest_changes_total{found_by="reading"}')).toBe(1);
    expect(await sample('probes_total{outcome="sent"}')).toBe(1);
    expect(await sample('probes_total{outcome="failed"}')).toBe(1);
    expect(await sample("migrations_started_total")).toBe(1);
    expect(await sample('migrations_ended_total{by="engine",end="doubtful"}')).toBe(1);
    expect(await sample('migrations_ended_total{by="engine",end="moved"}')).toBe(1);
    expect(await sample('migrations_ended_total{by="others",end="moved"}')).toBe(1);
    expect(await sample("migrations_doubtful")).toBe(0);
    expect(await sample("probes_open")).toBe(3);
    expect(await sample("operations_waiting")).toBe(2);
  });

  it("count connections, losses and requests of each source until nobody needs it", async () => {
    const { events } = host.platform;
    expect(await sample('source_connected{source="libvirt"}')).toBe(0);
    for (const source of ["libvirt", RHEVM]) events.emit("connected", source);
    events.emit("lost", "libvirt", "end of file");
    events.emit("connected", "libvirt");
    events.emit("requested", RHEVM, "refused");

    expect(await sample('source_connected{source="libvirt"}')).toBe(1);
    expect(await sample('source_connections_total{source="libvirt"}')).toBe(2);
    expect(await sample('source_losses_total{source="libvirt"}')).toBe(1);
    expect(await sample(`rhevm_requests_total{source="${RHEVM}",outcome="refused"}`)).toBe(1);
    events.emit("lost", RHEVM, "it does not answer");
    expect(await sample(`source_connected{source="${RHEVM}"}`)).toBe(0);
    events.emit("dropped", RHEVM);
    expect(await sample(`source_connected{source="${RHEVM}"}`)).toBeUndefined();
  });
});

describe("an event", () => {
  it("reaches the engine's answer though a listener throws", async () => {
    host.dispatcher.events.on("ended", () => {
      throw new Error("told to throw");
    });
    host.platform.readings.set("web1", RUNNING);

    expect(await host.ask("monitor")).toBe(110);
    expect(host.log.count("a listener of the daemon failed")).toBe(1);
  });
});

describe("a collection", () => {
  it("is shared by all who ask while it runs", async () => {
    const [one, other] = [site.metrics.text(), site.metrics.text()];

    expect(await one).toBe(await other);
    expect(await site.metrics.text()).not.toBe(await one);
    expect((await one).type).toBe("text/plain; version=0.0.4; charset=utf-8");
  });
});
