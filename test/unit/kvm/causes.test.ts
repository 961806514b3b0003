import { describe, expect, it } from "vitest";
import { type Causes, createCauses } from "../../../src/kvm/causes.ts";

const DOMAIN = { name: "web1", uuid: "5c1b8d3c-0000-4000-8000-000000000001", id: 7 };

/** Life-cycle events as virsh names them. Source: libvirt-domain.h, virDomainEventType and its details. */
const EVENTS = {
  "Started Booted": [2, 0],
  "Started Migrated": [2, 1],
  "Started Restored": [2, 2],
  "Suspended Paused": [3, 0],
  "Suspended Migrated": [3, 1],
  "Suspended Post-copy": [3, 7],
  "Suspended Post-copy failed": [3, 8],
  "Resumed Unpaused": [4, 0],
  "Resumed Migrated": [4, 1],
  "Stopped Shutdown": [5, 0],
  "Stopped Destroyed": [5, 1],
  "Stopped Crashed": [5, 2],
  "Stopped Migrated": [5, 3],
  "Stopped Saved": [5, 4],
  "Stopped Failed": [5, 5],
  "Stopped From snapshot": [5, 6],
  "Stopped of tomorrow": [5, 77],
  "Shutdown Finished": [6, 0],
  "Shutdown Finished after guest request": [6, 1],
  "Shutdown Finished after host request": [6, 2],
  "Crashed Panicked": [8, 0],
} as const;

type EventName = keyof typeof EVENTS;

function happens(causes: Causes, ...names: EventName[]): void {
  for (const name of names) {
    const [event, detail] = EVENTS[name];
    causes.add({ domain: DOMAIN, event, detail });
  }
}

/** The order of events, measured with libvirt 9.0 and QEMU 7.2. */
const ENDS: [string, EventName[], string | undefined][] = [
  ["a start", ["Resumed Unpaused", "Started Booted"], undefined],
  ["suspend and resume", ["Suspended Paused", "Resumed Unpaused"], undefined],
  [
    "a power-off inside, or an obeyed ACPI shutdown",
    ["Shutdown Finished after guest request", "Stopped Shutdown"],
    "powered off from inside",
  ],
  [
    "SIGTERM of the emulator",
    ["Shutdown Finished after host request", "Stopped Shutdown"],
    "terminated on the host",
  ],
  ["destroy", ["Shutdown Finished after host request", "Stopped Destroyed"], "destroyed on the host"],
  ["kill -9, SIGSEGV, out of memory", ["Stopped Failed"], "crashed or killed"],
  ["a panic, on_crash=destroy", ["Crashed Panicked", "Stopped Crashed"], "panicked"],
  [
    "a kept panic that is destroyed",
    ["Crashed Panicked", "Shutdown Finished after host request", "Stopped Destroyed"],
    "destroyed on the host",
  ],
  ["save", ["Suspended Paused", "Stopped Saved"], "saved"],
  ["a migration away", ["Suspended Migrated", "Stopped Migrated"], "migrated away"],
  [
    "a post-copy migration away",
    ["Suspended Migrated", "Suspended Post-copy", "Stopped Migrated"],
    "migrated away",
  ],
  ["a failed migration on the target", ["Started Migrated", "Stopped Failed"], "crashed or killed"],
  ["a revert to a snapshot", ["Stopped From snapshot"], "reverted to a snapshot"],
  ["an end without its announcement", ["Stopped Shutdown"], "unknown"],
  ["an announcement without an author", ["Shutdown Finished", "Stopped Shutdown"], "unknown"],
  ["a detail of tomorrow", ["Stopped of tomorrow"], "unknown"],
  [
    "an announcement read before its end",
    ["Shutdown Finished after guest request"],
    "powered off from inside",
  ],
  ["a host's announcement read before its end", ["Shutdown Finished after host request"], undefined],
];

describe("the cause of an end", () => {
  it.each(ENDS)("of %s (%j) is %s", (_what, events, cause) => {
    const causes = createCauses();
    happens(causes, "Started Booted", ...events);

    expect(causes.endOf(DOMAIN.uuid)).toBe(cause);
  });

  it.each([
    ["Shutdown Finished after guest request", "Stopped Shutdown", "stopped by this agent"],
    ["Shutdown Finished after host request", "Stopped Destroyed", "stopped by this agent"],
    ["Suspended Paused", "Stopped Failed", "stopped by this agent"],
    ["Suspended Migrated", "Stopped Migrated", "migrated away"],
    ["Suspended Paused", "Stopped Saved", "saved"],
    ["Crashed Panicked", "Stopped Crashed", "panicked"],
  ] as const)("of %s, %s after our own stop is %s", (first, last, cause) => {
    const causes = createCauses();
    happens(causes, "Started Booted");
    causes.stopAsked(DOMAIN.uuid);
    happens(causes, first, last);

    expect(causes.endOf(DOMAIN.uuid)).toBe(cause);
  });

  it("is our own stop before the first event of it has come", () => {
    const causes = createCauses();
    causes.stopAsked(DOMAIN.uuid);

    expect(causes.endOf(DOMAIN.uuid)).toBe("stopped by this agent");
  });

  it("is the guest's own again after a stop that it did not heed", () => {
    const causes = createCauses();
    happens(causes, "Started Booted");
    causes.stopAsked(DOMAIN.uuid);
    causes.stopWithdrawn(DOMAIN.uuid);
    happens(causes, "Stopped Failed");

    expect(causes.endOf(DOMAIN.uuid)).toBe("crashed or killed");
  });

  it("is forgotten at the next start, together with our stop", () => {
    const causes = createCauses();
    causes.stopAsked(DOMAIN.uuid);
    happens(causes, "Stopped Destroyed", "Resumed Unpaused", "Started Booted");
    expect(causes.endOf(DOMAIN.uuid)).toBeUndefined();

    happens(causes, "Stopped Failed");

    expect(causes.endOf(DOMAIN.uuid)).toBe("crashed or killed");
  });

  it("is not that of an earlier run whose successor was read active", () => {
    const causes = createCauses();
    happens(causes, "Stopped Failed");
    causes.seenActive(DOMAIN.uuid, causes.count(), true);

    expect(causes.endOf(DOMAIN.uuid)).toBeUndefined();
  });

  it("keeps our stop while the guest is read active before its end", () => {
    const causes = createCauses();
    causes.stopAsked(DOMAIN.uuid);
    causes.seenActive(DOMAIN.uuid, causes.count(), true);
    happens(causes, "Shutdown Finished after guest request", "Stopped Shutdown");

    expect(causes.endOf(DOMAIN.uuid)).toBe("stopped by this agent");
  });

  it("is not explained by an announcement from before a lost connection", () => {
    const causes = createCauses();
    happens(causes, "Started Booted", "Shutdown Finished after guest request");
    causes.eventsLost();
    happens(causes, "Stopped Shutdown");

    expect(causes.endOf(DOMAIN.uuid)).toBe("unknown");
  });

  it("is kept apart for each domain and forgotten on request", () => {
    const causes = createCauses();
    happens(causes, "Stopped Failed");

    expect(causes.endOf("5c1b8d3c-0000-4000-8000-000000000002")).toBeUndefined();
    causes.forget(DOMAIN.uuid);
    expect(causes.endOf(DOMAIN.uuid)).toBeUndefined();
  });
});

describe("an end at the hand-over of a migration", () => {
  const UNCLEAR = "ended at the hand-over of a migration";

  it.each([
    ["killed", ["Suspended Migrated", "Stopped Failed"]],
    ["destroyed", ["Suspended Migrated", "Shutdown Finished after host request", "Stopped Destroyed"]],
    ["terminated", ["Suspended Migrated", "Shutdown Finished after host request", "Stopped Shutdown"]],
    ["killed in post-copy", ["Suspended Migrated", "Suspended Post-copy", "Stopped Failed"]],
    [
      "killed after post-copy has failed",
      ["Suspended Migrated", "Suspended Post-copy", "Suspended Post-copy failed", "Stopped Failed"],
    ],
  ] as const)("is told as such when its emulator is %s", (_how, events) => {
    const causes = createCauses();
    happens(causes, "Started Booted", ...events);

    expect(causes.endOf(DOMAIN.uuid)).toBe(UNCLEAR);
  });

  it("is told as such of one that is shut off and whose end no event told", () => {
    const causes = createCauses();
    happens(causes, "Started Booted", "Suspended Migrated");

    expect(causes.endOf(DOMAIN.uuid)).toBeUndefined();
    expect(causes.endOfShutOff(DOMAIN.uuid)).toBe(UNCLEAR);
    happens(causes, "Stopped Migrated");
    expect(causes.endOfShutOff(DOMAIN.uuid)).toBe("migrated away");
  });

  it("is told as such when an earlier process saw it stand still", () => {
    const causes = createCauses();
    causes.recallHandOver(DOMAIN.uuid);
    expect(causes.endOfShutOff(DOMAIN.uuid)).toBe(UNCLEAR);
    happens(causes, "Shutdown Finished after host request", "Stopped Destroyed");

    expect(causes.endOf(DOMAIN.uuid)).toBe(UNCLEAR);
  });

  it("is a plain end where events have told of a run since", () => {
    const causes = createCauses();
    happens(causes, "Started Booted", "Shutdown Finished after guest request");
    causes.recallHandOver(DOMAIN.uuid);

    expect(causes.endOfShutOff(DOMAIN.uuid)).toBe("powered off from inside");
  });

  it("is told as such by our own hand too", () => {
    const causes = createCauses();
    happens(causes, "Started Booted", "Suspended Migrated");
    causes.stopAsked(DOMAIN.uuid);
    happens(causes, "Shutdown Finished after host request", "Stopped Destroyed");

    expect(causes.endOf(DOMAIN.uuid)).toBe(UNCLEAR);
  });

  it.each([
    ["a migration given up", ["Suspended Migrated", "Resumed Migrated", "Stopped Failed"]],
    ["a suspend by hand", ["Suspended Migrated", "Suspended Paused", "Stopped Failed"]],
    ["a later start", ["Suspended Migrated", "Started Booted", "Stopped Failed"]],
    [
      "post-copy that failed on the target",
      ["Started Migrated", "Suspended Post-copy failed", "Stopped Failed"],
    ],
  ] as const)("is a plain end after %s", (_what, events) => {
    const causes = createCauses();
    happens(causes, "Started Booted", ...events);

    expect(causes.endOf(DOMAIN.uuid)).toBe("crashed or killed");
  });

  it("is a plain end when the guest was read running after it had stood still, whose event was lost", () => {
    const causes = createCauses();
    happens(causes, "Started Booted", "Suspended Migrated");
    causes.seenActive(DOMAIN.uuid, causes.count(), true);
    happens(causes, "Stopped Failed");

    expect(causes.endOf(DOMAIN.uuid)).toBe("crashed or killed");
  });

  it.each([
    ["an answer to a question from before it", 0, true],
    ["an answer that it stands still", 2, false],
  ])("is not forgotten by %s", (_what, count, isRunning) => {
    const causes = createCauses();
    happens(causes, "Started Booted", "Suspended Migrated");
    causes.seenActive(DOMAIN.uuid, count, isRunning);
    happens(causes, "Stopped Failed");

    expect(causes.endOf(DOMAIN.uuid)).toBe(UNCLEAR);
  });
});
