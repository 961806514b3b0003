import { beforeEach, describe, expect, it } from "vitest";
import { parseGuests, parseHistory, parseNoted, parseWhy } from "../../../ipc/answers.ts";
import { OFFLINE, online, UNKNOWN } from "../../../src/resource-state.ts";
import { aReading, RUNNING } from "../../support/fakes/fake-platform.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";
import { ViewHost } from "../../support/fakes/view-host.ts";

const UUID = "5c1b8d3c-0000-4000-8000-000000000001";
let host: ViewHost;

beforeEach(() => {
  host = new ViewHost();
});

describe("the views of the book", () => {
  it("show operators every resource, what was told, and the last reading", () => {
    const { platform, views } = host;
    const record = host.book.open("r", attributesOfGuest("web1"));
    expect(views.health()).toEqual({
      status: "ok",
      libvirt: "not connected",
      managers: {},
      resources: 1,
    });
    platform.events.emit("connected", "libvirt");
    host.book.told(record, { state: online(100), active: true });
    record.lastReading = { reading: { ...RUNNING, uuid: UUID }, at: new Date(0) };

    expect(views.health()).toMatchObject({ libvirt: "connected" });
    expect(views.guests()).toMatchObject([{ resource: "r" }]);
    expect(views.guest("web1")).toMatchObject({
      resource: "r",
      guest: "web1",
      environment: "kvm",
      told: "ONLINE(100)",
      reading: { state: "ONLINE(100)", source: "platform", uuid: UUID, at: "1970-01-01T00:00:00.000Z" },
    });
    expect(views.guest("web2")).toBeUndefined();
  });

  it("tell of libvirt and of each manager by itself, until no guest needs it", () => {
    const { platform, views } = host;
    const { events } = platform;
    const [one, other] = ["https://rhevm.example.com", "https://ovirt.example.com:8443"];
    events.emit("connected", one);
    events.emit("lost", other, "the user or the password is refused");

    expect(views.health()).toMatchObject({
      libvirt: "not connected",
      managers: { [one]: "connected", [other]: "lost: the user or the password is refused" },
    });
    events.emit("connected", "libvirt");
    events.emit("lost", one, "it does not answer");
    events.emit("dropped", other);
    expect(views.health()).toMatchObject({
      libvirt: "connected",
      managers: { [one]: "lost: it does not answer" },
    });
    expect(views.health()).not.toHaveProperty(["managers", other]);
  });

  it("tell their subscribers what happens until they leave", () => {
    const { platform } = host;
    const heard: unknown[] = [];
    const leave = host.views.subscribe((event) => void heard.push(event));
    platform.events.emit("changed", "web1");
    platform.events.emit("lost", "libvirt", "end of file");
    leave();
    platform.events.emit("connected", "libvirt");

    expect(heard).toEqual([
      { event: "changed", guest: "web1" },
      { event: "lost", source: "libvirt", reason: "end of file" },
    ]);
  });
});

describe("what the views show of an answer", () => {
  it("is the state, the exit code and the reason, while this process told it", () => {
    const record = host.book.open("r", attributesOfGuest("web1"));
    const answer = { state: online(40), reason: "on its way down" };
    host.book.told(record, { state: answer.state, active: true });
    record.lastTold = { answer, source: "platform", at: new Date() };

    expect(host.views.guest("web1")).toMatchObject({
      answer: {
        state: "ONLINE(40)",
        confidence: 40,
        code: 104,
        reason: "on its way down",
        source: "platform",
      },
    });
  });

  it("is without a reason where an earlier process told it, and what was told before UNKNOWN comes back", () => {
    const record = host.book.open("r", attributesOfGuest("web1"));
    host.book.told(record, { state: OFFLINE, active: false });
    expect(host.views.guest("web1")).toMatchObject({ answer: { state: "OFFLINE", reason: null, at: null } });

    host.book.told(record, { state: UNKNOWN, active: false });
    expect(host.views.guest("web1")).toMatchObject({
      told: "UNKNOWN",
      answer: { code: 99, confidence: null },
    });
  });
});

describe("the view why", () => {
  it("has every resource of the guest with what happens next, the migration record, and the events", async () => {
    const record = host.book.open("r", attributesOfGuest("web1"));
    host.book.told(record, { state: online(100), active: true });
    record.lastReading = { reading: aReading({ reason: "shut off (destroyed)" }), at: new Date() };
    host.log.info({ resource: "r" }, "engine asked to probe");
    host.log.info({ guest: "web1" }, "guest changed state");
    host.log.info({ guest: "web2" }, "guest of nobody's interest");
    host.log.warn({}, "libvirt is away");
    await host.facts.migrations.suspect("web1", UUID);

    const why = parseWhy(JSON.stringify(host.views.why("web1")));

    expect(why).toMatchObject({ guest: "web1", migrationRecord: { kind: "stuck", peer: null, why: null } });
    expect(why.resources[0]?.next.join(" ")).toContain("its migration to another host is not decided yet");
    expect(why.events.map(({ what }) => what)).toEqual([
      "engine asked to probe",
      "guest changed state",
      "libvirt is away",
      "migration recorded",
    ]);
    expect(host.views.why("web9")).toBeUndefined();
  });

  it("says of a guest of which nothing was read that the next monitor reads it", () => {
    host.book.open("r", attributesOfGuest("web1"));

    expect(host.views.why("web1")).toMatchObject({
      migrationRecord: null,
      resources: [{ next: ["Nothing was read of it yet: the next monitor reads it."] }],
    });
  });
});

describe("what the daemon shows", () => {
  it("is what kvmguestctl reads", () => {
    const record = host.book.open("r", attributesOfGuest("web1"));
    record.migration = { target: "node2", remainingMiB: 3 };
    record.lastReading = { reading: { ...RUNNING, uuid: UUID }, at: new Date() };
    host.log.info({ guest: "web1", ms: 3 }, "guest started");
    const heard: string[] = [];
    host.views.subscribe((event) => void heard.push(JSON.stringify(event)));
    host.log.warn({ guest: "web1", attempts: 2 }, "something is odd");
    host.platform.events.emit("changed", "web1");

    expect(parseGuests(JSON.stringify(host.views.guests()))).toMatchObject([
      { resource: "r", migration: { target: "node2" } },
    ]);
    expect(parseHistory(JSON.stringify(host.views.history())).events).toHaveLength(2);
    expect(heard.map(parseNoted)).toMatchObject([
      { what: "something is odd", level: "warn", fields: { attempts: 2 } },
      undefined,
    ]);
  });

  it("has a resource's attributes as the framework passes them", () => {
    host.book.open("r", attributesOfGuest("web1", { delayAfterGuestOnlineS: 7 }));

    expect(host.views.attributes("r")).toMatchObject({ GuestName: ["web1"], DelayAfterGuestOnline: ["7"] });
    expect(host.views.attributes("web1")).toBeUndefined();
  });
});
