import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { pause } from "../../../src/deadline.ts";
import { INTENTIONAL_OFFLINE } from "../../../src/resource-state.ts";
import { DispatcherHost } from "../../support/fakes/dispatcher-host.ts";
import { aReading, RUNNING } from "../../support/fakes/fake-platform.ts";
import { VirtualClock } from "../../support/fakes/virtual-clock.ts";

const UUID = "5c1b8d3c-0000-4000-8000-000000000001";
const never = new AbortController().signal;

let clock: VirtualClock;
let host: DispatcherHost;

beforeEach(() => {
  clock = new VirtualClock();
  host = new DispatcherHost();
  host.platform.readings.set("web1", aReading({ uuid: UUID }));
});

afterEach(() => {
  clock.stop();
});

function record() {
  return host.migrations.saved.get("web1");
}

describe("the action guestmigrated", () => {
  it("records that the guest left, which is then the answer, and has the engine look", async () => {
    host.platform.readings.set("web1", aReading({ state: INTENTIONAL_OFFLINE, moved: "away", uuid: UUID }));

    expect(await host.act("guestmigrated")).toEqual({
      exitCode: 0,
      output:
        "guest web1 left for another host, which is recorded (told by the test); the engine is asked to probe\n",
    });
    expect(record()).toMatchObject({ kind: "left", uuid: UUID });
    expect(host.looked).toEqual(["web1"]);
    host.platform.readings.set("web1", aReading({ uuid: UUID })); // libvirtd was restarted, and has forgotten it
    expect(await host.ask("monitor")).toBe(200);
  });

  it("names the system that runs it", async () => {
    host.platform.deeds.whereIs = async () => ({ kind: "moved", why: "node2: running", peer: "node2" });

    expect((await host.act("guestmigrated")).output).toMatch(/^guest web1 left for node2, which is recorded/);
    expect(record()).toMatchObject({ kind: "left", peer: "node2" });
  });

  it("ends a doubt that a person has looked into, when the other host can be read now", async () => {
    await host.facts.migrations.end("web1", UUID, "node2", { kind: "doubtful", why: "node2 is silent" });
    expect(await host.ask("monitor")).toBe(99);
    host.platform.deeds.whereIs = async () => ({ kind: "moved", why: "node2: running", peer: "node2" });
    await host.act("guestmigrated");

    expect(await host.ask("monitor")).toBe(200);
  });

  it("may be asked for again", async () => {
    host.platform.readings.set("web1", aReading({ state: INTENTIONAL_OFFLINE, moved: "away", uuid: UUID }));
    await host.act("guestmigrated");

    expect((await host.act("guestmigrated")).exitCode).toBe(0);
  });

  it("records nothing without proof, and says why: a record could hide a fault", async () => {
    host.platform.deeds.whereIs = async () => ({ kind: "lost", why: "on neither host" });

    expect(await host.act("guestmigrated")).toEqual({
      exitCode: 1,
      output:
        "guest web1 does not run here, but nothing proves that it migrated: on neither host; nothing is recorded, a record could hide a fault\n",
    });
    expect(record()).toBeUndefined();
    expect(host.looked).toEqual([]);
    expect(await host.ask("monitor")).toBe(100);
  });

  it("records nothing for a guest that runs here", async () => {
    host.platform.readings.set("web1", RUNNING);

    expect(await host.act("guestmigrated")).toMatchObject({ exitCode: 1 });
    expect(record()).toBeUndefined();
  });

  it("does not wait for an operation that runs", async () => {
    host.platform.deeds.start = () => pause(60_000, never);
    const starting = host.ask("online");
    await clock.settle();

    expect(await host.act("guestmigrated")).toMatchObject({
      exitCode: 1,
      output: "guest web1: online runs for it, ask again after that\n",
    });
    await clock.until(starting);
  });
});
