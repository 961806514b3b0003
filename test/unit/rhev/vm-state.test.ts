import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OFFLINE, stateText } from "../../../src/resource-state.ts";
import { readingOf, type VmSight } from "../../../src/rhev/vm-state.ts";
import { VM_STATUS } from "../../../src/rhev/vm-status.ts";
import { hostFacts, ownFacts, vmFacts } from "../../support/rhev-facts.ts";

/** What is seen of web1: with `on`, RHEV-M names that host for it. */
function sight(
  status: string | undefined,
  {
    on,
    detail,
    here = "up",
    there = "up",
    ranHereLast = false,
  }: { on?: string; detail?: string; here?: string; there?: string; ranHereLast?: boolean } = {},
): VmSight {
  const [own, other] = [hostFacts("here", { status: here }), hostFacts("there", { status: there })];
  const vm = vmFacts({ status, statusDetail: detail, hostId: on });
  return { vm, hosts: [own, other], own: ownFacts(own), ranHereLast };
}

function told(...facts: Parameters<typeof sight>): string {
  return stateText(readingOf(sight(...facts)).state);
}

/** A VM that no host has, and of which an event told. */
function down(end: { readonly hostId: string } | undefined, status = "down") {
  return readingOf({ ...sight(status), end: end && { ...end, eventId: 7, words: "event 7" } });
}

describe("the end of a guest's run, by RHEV-M's event", () => {
  it("is one of this host where the event names it", () => {
    expect(down({ hostId: "here" })).toMatchObject({ state: OFFLINE, active: false, endedHere: "event 7" });
  });

  it.each([
    ["on another host", { hostId: "there" }, "down"],
    ["that no event told of", undefined, "down"],
    ["whose memory was saved", { hostId: "here" }, "suspended"],
  ])("is none of this host for one %s", (_, end, status) => {
    expect(down(end, status).endedHere).toBeUndefined();
  });
});

describe("the state of a guest that RHEV-M says runs on this host", () => {
  it.each([
    ["wait_for_launch", "ONLINE(10)"],
    ["paused", "ONLINE(20)"],
    ["powering_down", "ONLINE(40)"],
    ["restoring_state", "ONLINE(50)"],
    ["powering_up", "ONLINE(60)"],
    ["up", "ONLINE(100)"],
    ["saving_state", "INTENTIONAL OFFLINE"],
    ["migrating", "INTENTIONAL OFFLINE"],
    ["reboot_in_progress", "INTENTIONAL OFFLINE"],
    ["image_locked", "UNKNOWN"],
    ["unknown", "UNKNOWN"],
    ["not_responding", "UNKNOWN"],
    ["unassigned", "UNKNOWN"],
    ["invented_by_a_later_engine", "UNKNOWN"],
    ["__proto__", "UNKNOWN"],
    ["UP", "UNKNOWN"],
  ])("is for %s %s", (status, state) => {
    expect(told(status, { on: "here" })).toBe(state);
  });

  it("is UNKNOWN without a status", () => {
    expect(told(undefined, { on: "here" })).toBe("UNKNOWN");
  });

  it.each(["connecting", "non_responsive", "unassigned", "initializing", "reboot", "down", "invented"])(
    "is UNKNOWN while RHEV-M does not hear this host: %s",
    (here) => {
      expect(told("up", { on: "here", here })).toBe("UNKNOWN");
      expect(told("migrating", { on: "here", here })).toBe("UNKNOWN");
    },
  );

  it.each(["up", "non_operational", "preparing_for_maintenance", "error"])(
    "counts while RHEV-M hears this host: %s",
    (here) => {
      expect(told("up", { on: "here", here })).toBe("ONLINE(100)");
    },
  );

  it("names the failed disk of a paused guest, which nobody has to wake", () => {
    const reading = readingOf(sight("paused", { on: "here", detail: "eio" }));

    expect(reading).toMatchObject({ stalled: true, suspended: undefined, active: true });
    expect(reading.reason).toBe(
      'RHEV-M says "paused": on this host, here (up): a disk failed under it (eio)',
    );
  });

  it("does not say of a guest that migrates that it runs on the target: a clean calls it back", () => {
    const reading = readingOf(sight("migrating", { on: "here" }));

    expect(reading).toMatchObject({ active: true, migrating: true });
    expect(reading.runsOnTarget).toBeUndefined();
    expect(reading.incoming).toBeUndefined();
  });

  it("says of a guest that somebody paused that it can be woken", () => {
    expect(readingOf(sight("paused", { on: "here", detail: "none" }))).toMatchObject({ suspended: "paused" });
  });
});

describe("the state of a guest that RHEV-M says runs on another host", () => {
  it.each([
    "wait_for_launch",
    "paused",
    "powering_down",
    "powering_up",
    "up",
    "saving_state",
    "migrating",
    "reboot_in_progress",
  ])("is OFFLINE for %s, if it was not here before", (status) => {
    expect(told(status, { on: "there" })).toBe("OFFLINE");
  });

  it.each(["image_locked", "unknown", "not_responding", "unassigned", "invented"])(
    "is UNKNOWN for %s",
    (status) => {
      expect(told(status, { on: "there" })).toBe("UNKNOWN");
    },
  );

  it("is INTENTIONAL OFFLINE for one that was here last: it left, whether or not that was seen", () => {
    const reading = readingOf(sight("up", { on: "there", ranHereLast: true }));

    expect(reading).toMatchObject({ state: { kind: "INTENTIONAL OFFLINE" }, moved: "away", active: false });
    expect(reading.reason).toContain("on host there (up); it left this host, here (up)");
  });

  it("does not claim that a guest which migrates has no emulator here: this may be the target", () => {
    expect(readingOf(sight("migrating", { on: "there" }))).toMatchObject({
      active: undefined,
      migrating: true,
      incoming: true,
    });
    expect(readingOf(sight("migrating", { on: "there", ranHereLast: true })).incoming).toBeUndefined();
  });

  it.each(["connecting", "non_responsive", "unassigned", "maintenance", "invented"])(
    "is UNKNOWN while RHEV-M does not hear that host: %s",
    (there) => {
      expect(told("up", { on: "there", there })).toBe("UNKNOWN");
      expect(told("up", { on: "there", there, ranHereLast: true })).toBe("UNKNOWN");
    },
  );

  it("is UNKNOWN when that host is not among RHEV-M's hosts", () => {
    expect(told("up", { on: "elsewhere" })).toBe("UNKNOWN");
  });
});

describe("the state of a guest that RHEV-M says runs nowhere", () => {
  it.each(["down", "powered_down"])("is OFFLINE for %s", (status) => {
    const reading = readingOf(sight(status));

    expect(reading).toMatchObject({ state: { kind: "OFFLINE" }, active: false, saved: "no" });
  });

  it("is INTENTIONAL OFFLINE for a suspended one where it ran last, and there it can be woken", () => {
    expect(readingOf(sight("suspended", { ranHereLast: true }))).toMatchObject({
      state: { kind: "INTENTIONAL OFFLINE" },
      suspended: "asleep",
      saved: "yes",
    });
  });

  it("is OFFLINE for a suspended one elsewhere", () => {
    expect(readingOf(sight("suspended"))).toMatchObject({ state: { kind: "OFFLINE" }, suspended: undefined });
  });

  it("is OFFLINE on a host in maintenance: it runs no guest", () => {
    expect(told("down", { here: "maintenance" })).toBe("OFFLINE");
  });

  it.each(["connecting", "non_responsive", "unassigned", "initializing"])(
    "is UNKNOWN while RHEV-M does not hear this host (%s): it may have been told that the host is dead",
    (here) => {
      expect(told("down", { here })).toBe("UNKNOWN");
      expect(told("suspended", { here, ranHereLast: true })).toBe("UNKNOWN");
    },
  );

  it("is UNKNOWN when a host is named all the same", () => {
    expect(told("down", { on: "here" })).toBe("UNKNOWN");
    expect(told("down", { on: "there" })).toBe("UNKNOWN");
  });

  it("is UNKNOWN for a running one: the user may not see hosts", () => {
    const reading = readingOf(sight("up"));

    expect(stateText(reading.state)).toBe("UNKNOWN");
    expect(reading.reason).toContain("needs an administrator's role");
  });
});

describe("the state of a guest, whatever RHEV-M says", () => {
  const word = fc.oneof(fc.constantFrom(...Object.keys(VM_STATUS)), fc.string(), fc.constant(undefined));
  const host = fc.constantFrom("up", "connecting", "non_responsive", "maintenance", "unassigned", "error");
  const place = fc.constantFrom("here", "there", "elsewhere", undefined);
  const seen = fc.tuple(word, place, host, host, fc.boolean());

  it("is UNKNOWN while this system is not found among the hosts", () => {
    fc.assert(
      fc.property(seen, ([status, on, here, there, ranHereLast]) => {
        const facts = sight(status, { ...(on === undefined ? {} : { on }), here, there, ranHereLast });
        const reading = readingOf({ ...facts, own: { kind: "several", reason: "two match" } });

        expect(reading.state.kind).toBe("UNKNOWN");
      }),
    );
  });

  it("is OFFLINE only when a host that is heard has it, or none has it and this host is heard", () => {
    fc.assert(
      fc.property(seen, ([status, on, here, there, ranHereLast]) => {
        const facts = sight(status, { ...(on === undefined ? {} : { on }), here, there, ranHereLast });
        if (readingOf(facts).state.kind !== "OFFLINE") return;

        const isElsewhere = on === "there" && ["up", "error"].includes(there);
        const isNowhere = ["down", "powered_down", "suspended"].includes(status ?? "");
        const isHeard = ["up", "error", "maintenance"].includes(here);
        expect(isElsewhere || (isNowhere && isHeard)).toBe(true);
      }),
    );
  });

  it("is ONLINE only on the host that is named, and only while that is heard", () => {
    fc.assert(
      fc.property(seen, ([status, on, here, there, ranHereLast]) => {
        const facts = sight(status, { ...(on === undefined ? {} : { on }), here, there, ranHereLast });
        if (readingOf(facts).state.kind !== "ONLINE") return;

        expect([on, ["up", "error"].includes(here)]).toEqual(["here", true]);
      }),
    );
  });
});
