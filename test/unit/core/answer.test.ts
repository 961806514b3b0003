import { describe, expect, it } from "vitest";
import { type AnswerFacts, answerOf } from "../../../src/answer.ts";
import {
  INTENTIONAL_OFFLINE,
  OFFLINE,
  online,
  type ResourceState,
  UNKNOWN,
} from "../../../src/resource-state.ts";
import { aReading } from "../../support/fakes/fake-platform.ts";

const FIRST_LOOK: AnswerFacts = { stopping: false };

function lastTold(state: ResourceState, active: boolean): AnswerFacts {
  return { stopping: false, lastAnswer: { state, active } };
}

/** A guest with an emulator here whose table row or policy says this. */
function alive(state: ResourceState) {
  return aReading({ state, active: true, reason: "libvirt says so" });
}

const LASTS: [string, AnswerFacts][] = [
  ["at the first monitor after open", FIRST_LOOK],
  ["after ONLINE", lastTold(online(100), true)],
  ["after ONLINE with low confidence", lastTold(online(10), true)],
  ["after a policy's OFFLINE", lastTold(OFFLINE, true)],
  ["after a proved OFFLINE", lastTold(OFFLINE, false)],
  ["after INTENTIONAL OFFLINE", lastTold(INTENTIONAL_OFFLINE, true)],
  ["after INTENTIONAL OFFLINE of a stopped guest", lastTold(INTENTIONAL_OFFLINE, false)],
];

const STATES = [online(100), online(20), OFFLINE, INTENTIONAL_OFFLINE, UNKNOWN];

const whileStopping = LASTS.flatMap(([when, facts]) =>
  STATES.map((state): [string, string, ResourceState, AnswerFacts] => [state.kind, when, state, facts]),
);

describe("answerOf a live guest", () => {
  it.each(whileStopping)("is ONLINE for %s while it is being stopped, %s", (_kind, _when, state, facts) => {
    const { state: answer } = answerOf(alive(state), { ...facts, stopping: true });

    expect(answer).toEqual(state.kind === "ONLINE" ? state : online(10));
  });

  it.each([
    [online(100), online(100)],
    [online(20), online(20)],
    [OFFLINE, online(10)],
    [INTENTIONAL_OFFLINE, online(10)],
    [UNKNOWN, online(10)],
  ])("turns %j into %j at the first monitor after open", (state, answer) => {
    expect(answerOf(alive(state), FIRST_LOOK).state).toEqual(answer);
  });

  it.each([
    ["ONLINE", lastTold(online(100), true), OFFLINE],
    ["ONLINE with low confidence", lastTold(online(10), true), OFFLINE],
    ["a policy's OFFLINE", lastTold(OFFLINE, true), OFFLINE],
    ["a proved OFFLINE", lastTold(OFFLINE, false), online(10)],
    ["INTENTIONAL OFFLINE", lastTold(INTENTIONAL_OFFLINE, true), online(10)],
    ["INTENTIONAL OFFLINE while stopped", lastTold(INTENTIONAL_OFFLINE, false), online(10)],
  ])("gives a policy's OFFLINE after %s as told", (_last, facts, answer) => {
    expect(answerOf(alive(OFFLINE), facts).state).toEqual(answer);
  });

  it.each(LASTS.slice(1))(
    "passes INTENTIONAL OFFLINE and UNKNOWN on when nobody stops it, %s",
    (_when, facts) => {
      expect(answerOf(alive(INTENTIONAL_OFFLINE), facts).state).toEqual(INTENTIONAL_OFFLINE);
      expect(answerOf(alive(UNKNOWN), facts).state).toEqual(UNKNOWN);
      expect(answerOf(alive(online(40)), facts).state).toEqual(online(40));
    },
  );

  it("says why it is reported as online, with the hypervisor's words first", () => {
    expect(answerOf(alive(OFFLINE), FIRST_LOOK).reason).toBe(
      "libvirt says so; reported as online because it holds an emulator here and this is the first look",
    );
    expect(answerOf(alive(INTENTIONAL_OFFLINE), { stopping: true }).reason).toBe(
      "libvirt says so; reported as online because it is being stopped and its emulator still lives",
    );
    expect(answerOf(alive(OFFLINE), lastTold(OFFLINE, false)).reason).toBe(
      "libvirt says so; reported as online because it holds an emulator here and was not online under the engine",
    );
  });
});

describe("answerOf a guest that is migrating, stopped, or not readable", () => {
  const facts = [
    ...LASTS,
    ...LASTS.map(([when, some]) => [`${when}, stopping`, { ...some, stopping: true }] as const),
  ];

  it.each(facts)(
    "tells a migrating guest as the table has it, and one that comes back as no fault, %s",
    (_when, some) => {
      const isKnown = some.lastAnswer?.state.kind === "ONLINE";
      for (const state of STATES) {
        const comesBack = isKnown && state.kind === "OFFLINE";

        expect(answerOf({ ...alive(state), migrating: true }, some).state).toEqual(
          comesBack ? INTENTIONAL_OFFLINE : state,
        );
      }
    },
  );

  it.each(facts)("tells a guest without an emulator as the table has it, %s", (_when, some) => {
    for (const state of [OFFLINE, INTENTIONAL_OFFLINE, UNKNOWN]) {
      expect(answerOf(aReading({ state, active: false }), some)).toEqual({
        state,
        reason: "told by the test",
      });
    }
  });

  it.each(facts)("adds nothing where the platform cannot say whether it is active, %s", (_when, some) => {
    expect(answerOf(aReading({ state: UNKNOWN, active: undefined }), some).state).toEqual(UNKNOWN);
  });
});

describe("answerOf a guest whose heartbeat is lost", () => {
  const words = "its guest agent is silent";
  const FAULT = { heartbeatLoss: { isFault: true, words } };
  const DOUBT = { heartbeatLoss: { isFault: false, words } };

  it.each([
    ["ONLINE", lastTold(online(100), true), OFFLINE],
    ["the OFFLINE that it got", lastTold(OFFLINE, true), OFFLINE],
    ["a proved OFFLINE", lastTold(OFFLINE, false), online(10)],
    ["INTENTIONAL OFFLINE", lastTold(INTENTIONAL_OFFLINE, true), online(10)],
    ["nothing yet", FIRST_LOOK, online(10)],
  ])("is a policy's fault after %s", (_last, facts, answer) => {
    expect(answerOf(alive(online(100)), { ...facts, ...FAULT }).state).toEqual(answer);
  });

  it.each(LASTS)("is ONLINE while it is being stopped, %s", (_when, facts) => {
    expect(answerOf(alive(online(100)), { ...facts, ...FAULT, stopping: true }).state).toEqual(online(10));
    expect(answerOf(alive(online(100)), { ...facts, ...DOUBT, stopping: true }).state).toEqual(online(50));
  });

  it("is ONLINE 50 where that is no fault, and never surer than it was", () => {
    const facts = { ...lastTold(online(100), true), ...DOUBT };

    expect(answerOf(alive(online(100)), facts)).toEqual({
      state: online(50),
      reason: "libvirt says so; its guest agent is silent",
    });
    expect(answerOf(alive(online(20)), facts).state).toEqual(online(20));
  });

  it("says why it is a fault", () => {
    expect(answerOf(alive(online(100)), { ...lastTold(online(100), true), ...FAULT }).reason).toBe(
      "libvirt says so; its guest agent is silent",
    );
  });

  it("changes nothing of a guest that is off, suspended, not readable or migrating", () => {
    const facts = { ...lastTold(online(100), true), ...FAULT };
    const others = [
      aReading({ state: OFFLINE, active: false }),
      alive(INTENTIONAL_OFFLINE),
      aReading({ state: UNKNOWN, active: undefined }),
      { ...alive(online(100)), migrating: true },
    ];

    for (const reading of others) expect(answerOf(reading, facts).state).toEqual(reading.state);
  });
});
