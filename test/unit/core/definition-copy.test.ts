import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AgentError } from "../../../src/agent-error.ts";
import { orAbort } from "../../../src/deadline.ts";
import { saveDefinition, takeDefinition } from "../../../src/entry-points/definition-copy.ts";
import { FakePlatform } from "../../support/fakes/fake-platform.ts";
import { RecordingLog } from "../../support/fakes/recording-log.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";
import { VirtualClock } from "../../support/fakes/virtual-clock.ts";

const never = new AbortController().signal;
const TAKEN = { text: "<domain/>", active: true };
let clock: VirtualClock;
let platform: FakePlatform;
let log: RecordingLog;

beforeEach(() => {
  clock = new VirtualClock();
  platform = new FakePlatform();
  log = new RecordingLog();
});

afterEach(() => {
  clock.stop();
});

function context(changes: Parameters<typeof attributesOfGuest>[1] = { syncDir: "/sync" }) {
  return { resource: "web1_res", attributes: attributesOfGuest("web1", changes), platform, log };
}

function hang(signal: AbortSignal): Promise<never> {
  return orAbort(new Promise<never>(() => undefined), signal);
}

describe("the definition before a stop", () => {
  it("is taken where the guest is active, or was online a moment ago", async () => {
    platform.deeds.takeDefinition = async () => ({ ...TAKEN, active: false });
    expect(await takeDefinition(context(), true, 54_000, never)).toEqual({ ...TAKEN, active: false });
    platform.deeds.takeDefinition = async () => TAKEN;

    expect(await takeDefinition(context(), false, 54_000, never)).toEqual(TAKEN);
    expect(log.messages("warn")).toEqual([]);
  });

  it("is not taken where the guest did not run: the copy is newer than what a standby host knows", async () => {
    platform.deeds.takeDefinition = async () => ({ ...TAKEN, active: false });

    expect(await takeDefinition(context(), false, 54_000, never)).toBeUndefined();
  });

  it("is not asked for without SyncDir, nor for a guest of RHEV-M", async () => {
    expect(await takeDefinition(context({}), true, 54_000, never)).toBeUndefined();
    const rhevm = { enabled: true, useManualRhevmFencing: false };
    expect(await takeDefinition(context({ syncDir: "/sync", rhevmInfo: rhevm }), true, 54_000, never)).toBe(
      undefined,
    );
    expect(platform.calls).toEqual([]);
  });

  it.each([
    [54_000, 2000],
    [270_000, 2000],
    [8000, 400],
  ])(
    "of a stop of %i ms costs at most %i ms when libvirt hangs, and its lack is a warning",
    async (budgetMs, ms) => {
      platform.deeds.takeDefinition = (_guest, signal) => hang(signal);
      const taken = clock.until(takeDefinition(context(), true, budgetMs, never));

      expect(await taken).toBeUndefined();
      expect(clock.now).toBe(ms);
      expect(log.messages("warn")).toEqual([
        "guest configuration cannot be taken, the copy in SyncDir stays as it is",
      ]);
    },
  );
});

describe("the copy after a stop", () => {
  it("is written, and that is said when it is news", async () => {
    await saveDefinition(context(), TAKEN, 54_000, never);
    platform.deeds.saveDefinition = async () => "unchanged";
    await saveDefinition(context(), TAKEN, 54_000, never);
    await saveDefinition(context(), undefined, 54_000, never);

    expect(platform.count("saveDefinition /sync/web1")).toBe(2);
    expect(log.messages("info")).toEqual(["guest configuration copied to SyncDir"]);
  });

  it.each([
    [54_000, 5000],
    [270_000, 5000],
    [8000, 800],
  ])("costs a stop of %i ms at most %i ms when SyncDir hangs, and fails nothing", async (budgetMs, ms) => {
    platform.deeds.saveDefinition = (_attributes, _definition, signal) => hang(signal);
    await clock.until(saveDefinition(context(), TAKEN, budgetMs, never));

    expect(clock.now).toBe(ms);
    expect(log.entries).toEqual([
      {
        level: "warn",
        message: "guest configuration cannot be copied to SyncDir, other systems keep the copy before",
        fields: {
          syncDir: "/sync",
          err: new AgentError("TIMED_OUT", `copying to SyncDir /sync did not end within ${ms} ms`),
        },
      },
    ]);
  });
});
