import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { domainWords, hasEnded } from "../../../src/kvm/domain-words.ts";

describe("domainWords", () => {
  // Source: libvirt-domain.h, virDomainState and the enums of reasons; the words are those of virsh domstate --reason
  it.each([
    [0, 0, "no state (unknown)"],
    [1, 0, "running (unknown)"],
    [1, 1, "running (booted)"],
    [1, 2, "running (migrated)"],
    [1, 3, "running (restored)"],
    [1, 4, "running (from snapshot)"],
    [1, 5, "running (unpaused)"],
    [1, 6, "running (migration canceled)"],
    [1, 7, "running (save canceled)"],
    [1, 8, "running (event wakeup)"],
    [1, 9, "running (crashed)"],
    [1, 10, "running (post-copy)"],
    [1, 11, "running (post-copy failed)"],
    [2, 0, "idle (unknown)"],
    [3, 0, "paused (unknown)"],
    [3, 1, "paused (user)"],
    [3, 2, "paused (migrating)"],
    [3, 3, "paused (saving)"],
    [3, 4, "paused (dumping)"],
    [3, 5, "paused (I/O error)"],
    [3, 6, "paused (watchdog)"],
    [3, 7, "paused (from snapshot)"],
    [3, 8, "paused (shutting down)"],
    [3, 9, "paused (creating snapshot)"],
    [3, 10, "paused (crashed)"],
    [3, 11, "paused (starting up)"],
    [3, 12, "paused (post-copy)"],
    [3, 13, "paused (post-copy failed)"],
    [3, 14, "paused (api error)"],
    [4, 0, "in shutdown (unknown)"],
    [4, 1, "in shutdown (user)"],
    [5, 0, "shut off (unknown)"],
    [5, 1, "shut off (shutdown)"],
    [5, 2, "shut off (destroyed)"],
    [5, 3, "shut off (crashed)"],
    [5, 4, "shut off (migrated)"],
    [5, 5, "shut off (saved)"],
    [5, 6, "shut off (failed)"],
    [5, 7, "shut off (from snapshot)"],
    [5, 8, "shut off (daemon)"],
    [6, 0, "crashed (unknown)"],
    [6, 1, "crashed (panicked)"],
    [7, 0, "pmsuspended (unknown)"],
  ])("says %i, %i as %s", (state, reason, text) => {
    expect(domainWords(state, reason).text).toBe(text);
  });

  it("keeps numbers visible that no version known to us has", () => {
    expect(domainWords(8, 3)).toEqual({ state: undefined, reason: "3", text: "state 8 (3)" });
    expect(domainWords(3, 99)).toEqual({ state: "paused", reason: "reason 99", text: "paused (reason 99)" });
    expect(domainWords(Number.NaN, Number.NaN).state).toBeUndefined();
  });

  it("never throws", () => {
    fc.assert(
      fc.property(fc.double(), fc.double(), (state, reason) => {
        expect(domainWords(state, reason).text).not.toBe("");
      }),
    );
  });
});

describe("an emulator that ended, and whose guest did not leave,", () => {
  it.each([
    [0, false], // unknown
    [1, true], // shutdown
    [2, true], // destroyed
    [3, true], // crashed
    [4, false], // migrated
    [5, true], // saved
    [6, false], // failed: a start
    [7, true], // from snapshot
    [8, true], // daemon
    [99, false],
  ])("is told by the reason of shut off: %i, %s", (reason, ended) => {
    expect(hasEnded(domainWords(5, reason))).toBe(ended);
  });

  it("is told by no other state", () => {
    for (const state of [0, 1, 2, 3, 4, 6, 7]) expect(hasEnded(domainWords(state, 2))).toBe(false);
  });
});
