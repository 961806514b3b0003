import { beforeEach, describe, expect, it } from "vitest";
import { AgentError } from "../../../src/agent-error.ts";
import type { OnlineContext } from "../../../src/entry-points/context.ts";
import { goesOnFromMemory } from "../../../src/entry-points/saved-memory.ts";
import { type LastOnline, savedMemoryVerdict } from "../../../src/saved-memory.ts";
import { errorOf } from "../../support/error-of.ts";
import { FakePlatform } from "../../support/fakes/fake-platform.ts";
import { RecordingLog } from "../../support/fakes/recording-log.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";

const HERE: LastOnline = { kind: "here" };
const ELSEWHERE: LastOnline = { kind: "elsewhere", system: "node2" };
const SILENT: LastOnline = { kind: "unknown", reason: "the engine did not answer in time" };
const RECORD = { uuid: "u1", at: "2026-01-01T00:00:00.000Z" };
const OTHER = { uuid: "u2", at: "2026-01-01T00:00:00.000Z" };

describe("savedMemoryVerdict", () => {
  it.each([
    [
      "restore",
      RECORD,
      HERE,
      "restore",
      /^it was saved here \(seen 2026-01-01T00:00:00\.000Z\) and has been/,
    ],
    ["restore", undefined, HERE, "discard", /^nobody saw the guest being saved on this host$/],
    ["restore", OTHER, HERE, "discard", /^another guest of this name was saved here, with UUID u2$/],
    ["restore", RECORD, ELSEWHERE, "discard", /^the guest was online on node2 since$/],
    ["restore", RECORD, SILENT, "discard", /does not say where .*: the engine did not answer in time$/],
    ["discard", RECORD, HERE, "discard", /^kvm\.managedSave is discard$/],
    ["discard", undefined, SILENT, "discard", /^kvm\.managedSave is discard$/],
    ["refuse", RECORD, HERE, "refuse", /^kvm\.managedSave is refuse$/],
    ["refuse", undefined, ELSEWHERE, "refuse", /^kvm\.managedSave is refuse$/],
  ] as const)("with %s, record %j and last online %j: %s", (policy, record, lastOnline, kind, why) => {
    const verdict = savedMemoryVerdict({ memory: { uuid: "u1", policy }, record, lastOnline });

    expect(verdict.kind).toBe(kind);
    expect(verdict.why).toMatch(why);
  });
});

describe("goesOnFromMemory", () => {
  let platform: FakePlatform;
  let log: RecordingLog;
  let asked: number;

  beforeEach(() => {
    platform = new FakePlatform();
    platform.memory = { uuid: "u1", policy: "restore" };
    log = new RecordingLog();
    asked = 0;
  });

  function context(changes: Partial<OnlineContext> = {}): OnlineContext {
    return {
      resource: "web1_res",
      attributes: attributesOfGuest("web1"),
      platform,
      log,
      site: undefined,
      onStarting: () => Promise.resolve(),
      onResynced: () => undefined,
      savedRecord: RECORD,
      lastOnline: async () => {
        asked += 1;
        return HERE;
      },
      ...changes,
    };
  }

  const never = new AbortController().signal;

  it("restores what is proved, and says so", async () => {
    expect(await goesOnFromMemory(context(), never)).toBe(true);
    expect(log.messages("info")).toEqual(["guest goes on from its saved memory"]);
  });

  it("boots anew what is not proved, and says that the memory is lost and why", async () => {
    expect(await goesOnFromMemory(context({ lastOnline: async () => ELSEWHERE }), never)).toBe(false);
    expect(log.entries).toEqual([
      {
        level: "warn",
        message: "saved memory of the guest is removed, the guest boots anew",
        fields: { why: "the guest was online on node2 since" },
      },
    ]);
  });

  it("does not ask the engine where its answer decides nothing", async () => {
    expect(await goesOnFromMemory(context({ savedRecord: undefined }), never)).toBe(false);
    platform.memory = undefined;
    expect(await goesOnFromMemory(context(), never)).toBe(false);

    expect(asked).toBe(0);
    expect(log.messages("warn")).toHaveLength(1);
  });

  it("boots anew when the engine cannot be asked", async () => {
    const reason = new AgentError("PLATFORM_DOWN", "hares cannot be run");
    const lastOnline = () => Promise.reject(reason);

    expect(await goesOnFromMemory(context({ lastOnline }), never)).toBe(false);
    expect(log.entries[0]?.fields).toEqual({
      why: "the engine does not say where it was online last: hares cannot be run",
    });
  });

  it("starts nothing when the clean took over while the engine was asked", async () => {
    const cleaned = new AbortController();
    const lastOnline = () => {
      cleaned.abort(new AgentError("CANCELLED", "clean took over"));
      return Promise.reject(new AgentError("PLATFORM_DOWN", "killed"));
    };

    expect(await errorOf(goesOnFromMemory(context({ lastOnline }), cleaned.signal))).toMatchObject({
      code: "CANCELLED",
    });
  });

  it("leaves the choice to the administrator, with both commands, when that is configured", async () => {
    platform.memory = { uuid: "u1", policy: "refuse" };

    expect(await errorOf(goesOnFromMemory(context(), never))).toMatchObject({
      code: "REFUSED",
      message:
        "guest web1 has a managed save image on this host, and kvm.managedSave is refuse: " +
        '"virsh start web1" restores it, "virsh managedsave-remove web1" discards it',
    });
  });
});
