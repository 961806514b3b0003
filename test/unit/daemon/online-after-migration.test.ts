import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AgentError } from "../../../src/agent-error.ts";
import type { MigrationEnd } from "../../../src/migration.ts";
import { DispatcherHost } from "../../support/fakes/dispatcher-host.ts";
import { aReading, RUNNING } from "../../support/fakes/fake-platform.ts";
import { aRecord } from "../../support/fakes/memory-migrations.ts";
import { VirtualClock } from "../../support/fakes/virtual-clock.ts";

const UUID = "5c1b8d3c-0000-4000-8000-000000000001";
const OFF = aReading({ uuid: UUID });

let clock: VirtualClock;
let host: DispatcherHost;

beforeEach(() => {
  clock = new VirtualClock();
  host = new DispatcherHost();
  host.platform.readings.set("web1", OFF);
});

afterEach(() => {
  clock.stop();
});

async function recorded(kind: "moving" | "left" | "doubtful" | "lost"): Promise<void> {
  host.migrations.saved.set("web1", aRecord({ kind, uuid: UUID, peer: "node2", why: "node2 is silent" }));
  await host.restart();
}

function online(): Promise<number> {
  return clock.until(host.ask("online"));
}

describe("online of a guest with a migration record", () => {
  it.each(["left", "lost"] as const)("starts it over '%s', which is over with that", async (kind) => {
    await recorded(kind);
    await online();

    expect(host.platform.count("start")).toBe(1);
    expect(host.migrations.saved.size).toBe(0);
    expect(host.platform.count("whereIs")).toBe(0);
  });

  it("hides no start that failed behind a record", async () => {
    await recorded("left");
    host.platform.deeds.start = () => Promise.reject(new AgentError("REFUSED", "no memory"));
    await online();

    expect(await host.ask("monitor")).toBe(100);
    expect(host.migrations.saved.size).toBe(0);
  });

  it("keeps the record when the guest is active elsewhere and nothing is started", async () => {
    await recorded("left");
    host.platform.deeds.refuseIfElsewhere = () =>
      Promise.reject(new AgentError("REFUSED", "guest web1 is active on system node2"));
    await online();

    expect(host.platform.count("start")).toBe(0);
    expect(host.migrations.saved.get("web1")).toMatchObject({ kind: "left", peer: "node2" });
    expect(await host.ask("monitor")).toBe(200);
  });

  it.each(["moving", "doubtful"] as const)("starts nothing over '%s' while nobody knows", async (kind) => {
    await recorded(kind);
    for (const end of [{ kind: "doubtful", why: "node2 is silent" }, undefined] as const) {
      host.platform.deeds.whereIs = async () => end;
      expect(await online()).toBe(0);
    }

    expect(host.platform.count("start")).toBe(0);
    expect(host.migrations.saved.get("web1")).toMatchObject({ kind });
    expect(host.log.messages("warn")).toEqual(["entry point failed", "entry point failed"]);
  });

  it.each(["moving", "doubtful"] as const)("starts nothing over '%s' when it lives there", async (kind) => {
    await recorded(kind);
    host.platform.deeds.whereIs = async (): Promise<MigrationEnd> => ({
      kind: "moved",
      why: "node2: running",
    });
    await online();

    expect(host.platform.count("start")).toBe(0);
    expect(host.migrations.saved.get("web1")).toMatchObject({ kind: "left", peer: "node2" });
  });

  it.each([
    ["stayed", 1],
    ["lost", 1],
  ] as const)("starts it over a doubt that turns out as '%s'", async (kind, starts) => {
    await recorded("doubtful");
    host.platform.deeds.whereIs = async () => ({ kind, why: "both were read" });
    await online();

    expect(host.platform.calls).toContain("whereIs web1 node2");
    expect(host.platform.count("start")).toBe(starts);
    expect(host.migrations.saved.size).toBe(0);
  });

  it("looks for it by the UUID of the record", async () => {
    await recorded("doubtful");
    const places: unknown[] = [];
    host.platform.deeds.whereIs = async (_guest, known) => {
      places.push([known.uuid, known.peer]);
      return undefined;
    };
    await online();

    expect(places).toEqual([[UUID, "node2"]]);
  });
});

describe("online of a guest that arrived", () => {
  it("is not undone by the wait for the system it left", async () => {
    host.platform.readings.set("web1", OFF);
    expect(await host.ask("monitor")).toBe(100);
    host.engine.elsewhere.set("web1_res", ["node1"]);
    host.platform.readings.set("web1", aReading({ ...RUNNING, moved: "here", uuid: UUID }));
    expect(await online()).toBe(0);

    expect(await host.ask("monitor")).toBe(110);
  });
});
