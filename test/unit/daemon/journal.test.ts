import { beforeEach, describe, expect, it } from "vitest";
import { Journal } from "../../../daemon/journal.ts";
import { AgentError } from "../../../src/agent-error.ts";
import type { Log } from "../../../src/log.ts";
import { RecordingLog } from "../../support/fakes/recording-log.ts";

let journal: Journal;
let under: RecordingLog;
let log: Log;

beforeEach(() => {
  journal = new Journal();
  under = new RecordingLog();
  log = journal.over(under);
});

const whats = (guest: string, resources: readonly string[] = []) =>
  journal.ofGuest(guest, resources).map(({ what }) => what);

describe("the journal", () => {
  it("passes every line on, and remembers those of a guest with the context of their logger", () => {
    log.child({ resource: "r" }).child({ guest: "web1" }).info({ state: "OFFLINE" }, "guest changed state");

    expect(under.entries).toEqual([
      {
        level: "info",
        message: "guest changed state",
        fields: { resource: "r", guest: "web1", state: "OFFLINE" },
      },
    ]);
    expect(journal.ofGuest("web1", [])).toMatchObject([
      { seq: 1, level: "info", what: "guest changed state", resource: "r", fields: { state: "OFFLINE" } },
    ]);
  });

  it("joins what names the guest with what names only its resource, in order", () => {
    log.info({ guest: "web1" }, "first");
    log.info({ resource: "r" }, "second");
    log.info({ resource: "other" }, "of another resource");
    log.debug({ guest: "web1" }, "third");

    expect(whats("web1", ["r"])).toEqual(["first", "second", "third"]);
  });

  it("keeps a guest and a resource of one name apart", () => {
    log.info({ resource: "web1" }, "of the resource");

    expect(whats("web1")).toEqual([]);
  });

  it("remembers what concerns no guest, but its steps", () => {
    log.warn({}, "libvirt is away");
    log.debug({}, "a step");

    expect(journal.ofHost().map(({ what }) => what)).toEqual(["libvirt is away"]);
  });

  it("counts what only repeats, though it took another time, and tells nobody", () => {
    const told: string[] = [];
    journal.subscribe(({ what }) => void told.push(what));
    for (const ms of [3, 5, 4]) log.debug({ guest: "web1", code: 110, ms }, "entry point ended");
    log.debug({ guest: "web1", code: 100, ms: 4 }, "entry point ended");

    expect(journal.ofGuest("web1", []).map(({ fields, times }) => [fields["code"], times])).toEqual([
      [110, 3],
      [100, 1],
    ]);
    expect(told).toEqual(["entry point ended", "entry point ended"]);
  });

  it("tells its listeners until they leave", () => {
    const told: string[] = [];
    const leave = journal.subscribe(({ what }) => void told.push(what));
    log.info({}, "heard");
    leave();
    log.info({}, "unheard");

    expect(told).toEqual(["heard"]);
  });

  it("keeps the last hundred of a guest, and drops the guests that were silent longest", () => {
    for (let count = 1; count <= 120; count++) log.info({ guest: "web1", count }, "counted");
    expect(journal.ofGuest("web1", [])).toHaveLength(100);
    expect(journal.ofGuest("web1", [])[0]?.fields).toEqual({ count: 21 });

    for (let count = 0; count < 4200; count++) log.info({ resource: `r${count}` }, "invented");
    expect(whats("web1")).toEqual([]);
    expect(journal.all()).toHaveLength(4096);
  });

  it("has plain values only: an error's words, a list's members, and no secret", () => {
    log.warn(
      {
        guest: "web1",
        err: new AgentError("PLATFORM_DOWN", "libvirt cannot be asked"),
        others: ["node2", "node3"],
        nested: { password: "no" },
        password: "no",
        Password: "no",
        long: "x".repeat(900),
      },
      "something failed",
    );

    expect(journal.ofGuest("web1", [])[0]?.fields).toEqual({
      err: "libvirt cannot be asked",
      others: "node2, node3",
      long: `${"x".repeat(497)}...`,
    });
  });
});
