import { beforeEach, describe, expect, it } from "vitest";
import { AgentError } from "../../../src/agent-error.ts";
import { type Departure, hasLeft } from "../../../src/entry-points/guest-migrated.ts";
import type { MigrationEnd, MigrationRecord } from "../../../src/migration.ts";
import { INTENTIONAL_OFFLINE } from "../../../src/resource-state.ts";
import { errorOf } from "../../support/error-of.ts";
import { aReading, FakePlatform, RUNNING, STOPPED } from "../../support/fakes/fake-platform.ts";
import { aRecord } from "../../support/fakes/memory-migrations.ts";
import { RecordingLog } from "../../support/fakes/recording-log.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";

const never = new AbortController().signal;
const UUID = "5c1b8d3c-0000-4000-8000-000000000001";
const OFF = aReading({ uuid: UUID });
const MIGRATED = aReading({ state: INTENTIONAL_OFFLINE, moved: "away", uuid: UUID });

let platform: FakePlatform;

beforeEach(() => {
  platform = new FakePlatform();
  platform.readings.set("web1", OFF);
});

function ask(known?: MigrationRecord): Promise<Departure> {
  const attributes = attributesOfGuest("web1");
  const context = { resource: "web1_res", attributes, platform, log: new RecordingLog() };
  return hasLeft(context, known, never);
}

function found(end: MigrationEnd | undefined): void {
  platform.deeds.whereIs = async () => end;
}

describe("the proof that a guest left", () => {
  it("is libvirt's own word, and nobody else is asked", async () => {
    platform.readings.set("web1", MIGRATED);

    expect(await ask()).toEqual({ uuid: UUID, peer: undefined, why: "told by the test" });
    expect(platform.calls).toEqual(["read web1", "proveStopped web1"]);
  });

  it("is a record of it", async () => {
    const known = aRecord({ uuid: UUID, peer: "node2" });

    expect(await ask(known)).toEqual({
      uuid: UUID,
      peer: "node2",
      why: "recorded at 2026-01-01T00:00:00.000Z",
    });
    expect(platform.count("whereIs")).toBe(0);
  });

  it("is no record of a guest of which an emulator ended here since: another system must run it", async () => {
    platform.readings.set("web1", { ...OFF, endedHere: "shut off (crashed)" });
    const known = aRecord({ uuid: UUID, peer: "node2" });
    found({ kind: "lost", why: "on neither" });
    expect(await errorOf(ask(known))).toMatchObject({ code: "REFUSED" });
    found({ kind: "moved", why: "node2: running", peer: "node2" });

    expect(await ask(known)).toEqual({ uuid: UUID, peer: "node2", why: "node2: running" });
  });

  it("is another system that runs it", async () => {
    found({ kind: "moved", why: "node3: running", peer: "node3" });

    expect(await ask()).toEqual({ uuid: UUID, peer: "node3", why: "node3: running" });
    expect(platform.calls.at(-1)).toBe("whereIs web1 anywhere");
  });

  it("is looked for where it was going, by the UUID of then", async () => {
    platform.readings.set("web1", STOPPED);
    const places: unknown[] = [];
    platform.deeds.whereIs = async (_guest, place) => {
      places.push(place);
      return { kind: "moved", why: "node2: running" };
    };

    expect(await ask(aRecord({ kind: "doubtful", uuid: UUID, peer: "node2" }))).toMatchObject({
      peer: "node2",
    });
    expect(places).toEqual([{ uuid: UUID, peer: "node2" }]);
  });

  it("is not the record of another guest of this name", async () => {
    found({ kind: "lost", why: "on neither host" });
    const known = aRecord({ uuid: "5c1b8d3c-0000-4000-8000-000000000002" });

    expect(await errorOf(ask(known))).toMatchObject({ code: "REFUSED" });
  });

  it("is not libvirt's word where the other host was read since, and does not run it", async () => {
    platform.readings.set("web1", MIGRATED);
    found({ kind: "lost", why: "node2: not defined" });

    expect(String(await errorOf(ask(aRecord({ kind: "lost", uuid: UUID, peer: "node2" }))))).toMatch(
      /nothing proves that it migrated: node2: not defined; nothing is recorded, a record could hide a fault$/,
    );
  });

  it.each([
    ["runs here", RUNNING],
    ["is suspended here", aReading({ active: true, suspended: "paused" })],
    ["may run here", aReading({ active: undefined })],
  ])("is refused for a guest that %s", async (_what, reading) => {
    platform.readings.set("web1", reading);

    expect(String(await errorOf(ask(aRecord())))).toMatch(
      /guest web1 has not left this host: told by the test; nothing is recorded$/,
    );
  });

  it("is refused while an emulator of it exists, whatever libvirt says", async () => {
    platform.readings.set("web1", MIGRATED);
    platform.deeds.proveStopped = () => Promise.reject(new AgentError("STILL_RUNNING", "pid 7 exists"));

    expect(await errorOf(ask())).toMatchObject({ code: "STILL_RUNNING" });
  });

  it.each([
    [{ kind: "lost", why: "node2: not defined" }, /nothing proves that it migrated: node2: not defined;/],
    [{ kind: "stayed", why: "it is here" }, /nothing proves that it migrated: it is here;/],
    [{ kind: "doubtful", why: "node2 is silent" }, /nothing proves that it migrated: node2 is silent;/],
    [undefined, /nothing proves that it migrated: it is migrating;/],
  ] as const)("is refused when both ends say %j", async (end, words) => {
    found(end);

    expect(await errorOf(ask())).toMatchObject({ code: "REFUSED" });
    expect(String(await errorOf(ask()))).toMatch(words);
  });
});
