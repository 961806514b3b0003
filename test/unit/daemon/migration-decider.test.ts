import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { operate } from "../../../daemon/operations.ts";
import { AgentError } from "../../../src/agent-error.ts";
import { pause } from "../../../src/deadline.ts";
import type { MigrationEnd } from "../../../src/migration.ts";
import { guestKey } from "../../../src/resource.ts";
import { online } from "../../../src/resource-state.ts";
import { DeciderHost } from "../../support/fakes/decider-host.ts";
import type { DispatcherHost } from "../../support/fakes/dispatcher-host.ts";
import { aReading } from "../../support/fakes/fake-platform.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";
import type { VirtualClock } from "../../support/fakes/virtual-clock.ts";

const UUID = "5c1b8d3c-0000-4000-8000-000000000001";
const never = new AbortController().signal;

let decider: DeciderHost;
let clock: VirtualClock;
let host: DispatcherHost;

beforeEach(() => {
  decider = new DeciderHost();
  ({ clock, host } = decider);
});

afterEach(() => decider.stop());

function looks(): number {
  return host.platform.count("whereIs");
}

const DOUBT: MigrationEnd = { kind: "doubtful", why: "node2 is silent" };

describe("a migration that an earlier process began", () => {
  beforeEach(async () => {
    await host.facts.migrations.begin("web1", UUID, "node2", 60_000);
    await host.restart();
  });

  it.each([
    [{ kind: "moved", why: "", peer: "node2" }, "left"],
    [{ kind: "lost", why: "" }, "lost"],
    [{ kind: "stayed", why: "" }, undefined],
  ] as const)("is decided by both ends at once: %j", async (end, kind) => {
    decider.answers(end);
    await decider.decide();

    expect(decider.record?.kind).toBe(kind);
    expect(decider.looked).toEqual(["web1"]);
    expect(host.log.count("end of a migration is known")).toBe(1);
    await clock.advance(30_000);
    expect(looks()).toBe(1);
  });

  it("is waited for while it runs", async () => {
    decider.answers(undefined, undefined, { kind: "moved", why: "", peer: "node2" });
    await decider.decide();
    expect(decider.record).toMatchObject({ kind: "moving" });
    await clock.advance(2 * DeciderHost.intervalMs);

    expect(decider.record).toMatchObject({ kind: "left" });
  });

  it("becomes a doubt that lasts until both ends tell", async () => {
    decider.answers(DOUBT, DOUBT, { kind: "stayed", why: "" });
    await decider.decide();
    expect(decider.record).toMatchObject({ kind: "doubtful", why: "node2 is silent" });
    expect(decider.looked).toEqual([]);
    await clock.advance(2 * DeciderHost.intervalMs);

    expect(decider.record).toBeUndefined();
    expect(decider.looked).toEqual(["web1"]);
  });
});

describe("a doubt", () => {
  beforeEach(async () => {
    await host.facts.migrations.end("web1", UUID, "node2", DOUBT);
  });

  it("that lasts is written once and told once", async () => {
    decider.answers(DOUBT);
    await decider.decide();
    await clock.advance(20 * DeciderHost.intervalMs);

    expect(looks()).toBe(21);
    expect(host.migrations.writes).toEqual(["web1 doubtful"]);
    expect(host.log.messages("error")).toHaveLength(1);
  });

  it("is told anew when its reason is another one", async () => {
    decider.answers({ kind: "doubtful", why: "both run" });
    await decider.decide();

    expect(decider.record).toMatchObject({ why: "both run" });
    expect(host.log.messages("error")).toHaveLength(2);
  });

  it("waits while an operation is at work, which decides for itself", async () => {
    decider.answers({ kind: "stayed", why: "" });
    const [resource] = host.book.ofGuest("web1");
    const attributes = attributesOfGuest("web1");
    const working =
      resource &&
      operate(
        { queue: decider.queue },
        { record: resource, attributes, log: host.log },
        "online",
        never,
        () => pause(60_000, never),
      );
    await decider.decide();
    await clock.advance(50_000);
    expect(looks()).toBe(0);
    await clock.until(Promise.resolve(working));
    await clock.advance(DeciderHost.intervalMs);

    expect(looks()).toBe(1);
  });

  it("gives way to a clean, and nothing is decided then", async () => {
    host.platform.deeds.whereIs = async (_guest, _known, signal) => {
      await pause(60_000, signal);
      return { kind: "stayed", why: "" };
    };
    await decider.decide();
    const key = guestKey(attributesOfGuest("web1"));
    const cleaned = decider.queue.run(
      key,
      { name: "clean", takesOver: true, work: () => host.facts.migrations.end("web1", UUID, "node3", DOUBT) },
      never,
    );
    await clock.until(cleaned);
    decider.ending.abort();
    await clock.settle();

    expect(decider.record).toMatchObject({ kind: "doubtful", peer: "node3" });
  });

  it("is not decided for a guest whose record was dropped meanwhile", async () => {
    host.platform.deeds.whereIs = async () => {
      await host.facts.migrations.forget("web1");
      return { kind: "moved", why: "", peer: "node2" };
    };
    await decider.decide();

    expect(decider.record).toBeUndefined();
    expect(decider.looked).toEqual([]);
  });

  it("whose search fails or hangs is come back to", async () => {
    host.platform.deeds.whereIs = (_guest, _known, signal) =>
      pause(3_600_000, signal).then(() => Promise.reject(new Error("given up")));
    await decider.decide();
    await clock.advance(34_000);
    decider.answers({ kind: "stayed", why: "" });
    await clock.advance(2 * DeciderHost.intervalMs);

    expect(decider.record).toBeUndefined();
  });

  it("of a guest that nobody keeps yet is left alone: its registration may come with the next request", async () => {
    await host.facts.migrations.end("db1", UUID, "node2", DOUBT);
    decider.answers({ kind: "stayed", why: "" });
    await decider.decide();
    expect(host.migrations.saved.get("db1")).toMatchObject({ kind: "doubtful" });
    host.book.open("db1_res", attributesOfGuest("db1"));
    await clock.advance(DeciderHost.intervalMs);

    expect(host.migrations.saved.size).toBe(0);
  });
});

describe("a guest that stands still as after a hand-over of which nothing is recorded", () => {
  const stands = aReading({ state: online(20), active: true, moved: "stuck", uuid: UUID });

  beforeEach(() => {
    const [resource] = host.book.ofGuest("web1");
    if (resource !== undefined) resource.lastReading = { reading: stands, at: new Date() };
    host.platform.readings.set("web1", stands);
  });

  it("is recorded and decider.looked for, also after it is known that nobody can tell", async () => {
    decider.answers(DOUBT, DOUBT, { kind: "moved", why: "", peer: "node2" });
    await decider.decide();
    expect(decider.record).toMatchObject({ kind: "stuck", uuid: UUID });
    await clock.advance(DeciderHost.intervalMs);
    expect(decider.record).toMatchObject({ kind: "stuck" });
    expect(host.log.messages("error")).toEqual([]);
    await clock.advance(DeciderHost.intervalMs);

    expect(decider.record).toMatchObject({ kind: "left", peer: "node2" });
  });

  it("is UNKNOWN while an end is silent, and what it seems to be once both tell", async () => {
    decider.answers({ ...DOUBT, isUnread: true }, { ...DOUBT, isUnread: true }, DOUBT);
    await decider.decide();
    expect(await host.ask("monitor")).toBe(99);
    await clock.advance(DeciderHost.intervalMs);
    expect(decider.looked).toEqual(["web1"]);
    await clock.advance(DeciderHost.intervalMs);

    expect(await host.ask("monitor")).toBe(102);
    expect(decider.looked).toEqual(["web1", "web1"]);
    expect(host.migrations.writes).toEqual(["web1 stuck"]);
  });

  it("is recorded by nobody when it is closed while it is read", async () => {
    host.platform.deeds.whereIs = async () => undefined;
    const read = host.platform.read.bind(host.platform);
    host.platform.read = async (...args) => {
      const reading = await read(...args);
      await host.ask("close");
      return reading;
    };
    await decider.decide();

    expect(decider.record).toBeUndefined();
  });

  it("is left alone when it was the last moment of a good migration", async () => {
    host.platform.readings.set("web1", aReading({ moved: "away", uuid: UUID }));
    await decider.decide();

    expect(decider.record).toBeUndefined();
    expect(looks()).toBe(0);
  });

  it("is come back to when it cannot be read", async () => {
    host.platform.trouble = new AgentError("PLATFORM_DOWN", "libvirt is away");
    await decider.decide();
    expect(decider.record).toBeUndefined();
    host.platform.trouble = undefined;
    decider.answers(DOUBT);
    await clock.advance(DeciderHost.intervalMs);

    expect(decider.record).toMatchObject({ kind: "stuck" });
  });
});

describe("records of migrations that are known to be over", () => {
  it("cost no look", async () => {
    await host.facts.migrations.end("web1", UUID, "node2", { kind: "moved", why: "" });
    await host.facts.migrations.end("web2", UUID, "node2", { kind: "lost", why: "" });
    await decider.decide();
    await clock.advance(60_000);

    expect(looks()).toBe(0);
  });
});

describe("deciding", () => {
  it("ends with the daemon", async () => {
    await host.facts.migrations.end("web1", UUID, "node2", DOUBT);
    decider.answers(DOUBT);
    await decider.decide();
    decider.ending.abort();
    await clock.advance(60_000);

    expect(looks()).toBe(1);
  });
});
