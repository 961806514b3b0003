import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { operate } from "../../../daemon/operations.ts";
import { AgentError } from "../../../src/agent-error.ts";
import { pause } from "../../../src/deadline.ts";
import type { MigrationEnd } from "../../../src/migration.ts";
import { DeciderHost } from "../../support/fakes/decider-host.ts";
import type { DispatcherHost } from "../../support/fakes/dispatcher-host.ts";
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

const DOUBT: MigrationEnd = { kind: "doubtful", why: "node2 is silent" };

describe("a migration of this agent that runs when its time is over", () => {
  const MINUTE = 60_000;
  let aborts: unknown[];

  beforeEach(async () => {
    aborts = [];
    await host.facts.migrations.begin("web1", UUID, "node2", MINUTE);
    host.platform.deeds.abortOverdue = async (_guest, known) => aborts.push(known) > 0;
  });

  it("is aborted, not before, and its end is awaited", async () => {
    decider.answers(undefined);
    await host.restart();
    await decider.decide();
    await clock.advance(MINUTE - DeciderHost.intervalMs);
    expect(aborts).toEqual([]);
    await clock.advance(DeciderHost.intervalMs);

    expect(aborts).toEqual([
      {
        uuid: UUID,
        peer: "node2",
        asked: { at: "2026-01-01T00:00:00.000Z", abortAt: "2026-01-01T00:01:00.000Z" },
      },
    ]);
    expect(decider.record).toMatchObject({ kind: "moving" });
    decider.answers({ kind: "stayed", why: "" });
    await clock.advance(DeciderHost.intervalMs);
    expect(decider.record).toBeUndefined();
    expect(decider.looked).toEqual(["web1"]);
    expect(host.log.messages("warn")).toEqual(["migration is aborted"]);
  });

  it("is aborted though its end was a doubt meanwhile", async () => {
    decider.answers(DOUBT, undefined);
    await decider.decide();
    expect(decider.record).toMatchObject({ kind: "doubtful" });
    await clock.advance(MINUTE);

    expect(aborts).toHaveLength(1);
  });

  it("is tried to be aborted at each look, and told once", async () => {
    decider.answers(undefined);
    host.platform.deeds.abortOverdue = async () => {
      aborts.push("tried");
      throw new AgentError("TIMED_OUT", "the emulator does not answer");
    };
    await decider.decide();
    await clock.advance(MINUTE + 3 * DeciderHost.intervalMs);

    expect(aborts).toHaveLength(4);
    expect(host.log.messages("warn")).toEqual(["migration could not be aborted"]);
  });

  it("is not told of where the hypervisor has none that is this agent's", async () => {
    decider.answers(undefined);
    host.platform.deeds.abortOverdue = async () => false;
    await decider.decide();
    await clock.advance(2 * MINUTE);

    expect(host.log.messages("warn")).toEqual([]);
  });

  it("is left to its own request while that lives", async () => {
    decider.answers(undefined);
    const [resource] = host.book.ofGuest("web1");
    const attributes = attributesOfGuest("web1");
    void (
      resource &&
      operate(
        { queue: decider.queue },
        { record: resource, attributes, log: host.log },
        "migrate",
        never,
        () => pause(3_600_000, never),
      )
    );
    await decider.decide();
    await clock.advance(2 * MINUTE);

    expect(aborts).toEqual([]);
  });
});

describe("a migration that nobody has asked of this agent", () => {
  it("is never aborted", async () => {
    decider.answers(undefined);
    await host.facts.migrations.suspect("web1", UUID);
    await decider.decide();
    await clock.advance(3_600_000);

    expect(host.platform.count("abortOverdue")).toBe(0);
  });
});
