import { beforeEach, describe, expect, it } from "vitest";
import type { Reading } from "../../../src/platform.ts";
import { DispatcherHost } from "../../support/fakes/dispatcher-host.ts";
import { aReading, RUNNING } from "../../support/fakes/fake-platform.ts";

const UUID = "5c1b8d3c-0000-4000-8000-000000000001";
const OTHER = "5c1b8d3c-0000-4000-8000-000000000002";
const SAVED = aReading({ uuid: UUID, saved: "yes" });
const FORGOTTEN = aReading({ uuid: UUID, saved: "unknown" });
let host: DispatcherHost;

beforeEach(() => {
  host = new DispatcherHost();
});

/** What is kept of the guest's saved memory after these monitors in a row. */
async function keptAfter(...readings: readonly Reading[]) {
  for (const reading of readings) {
    host.platform.readings.set("web1", reading);
    await host.ask("monitor");
  }
  return host.book.get("web1_res")?.registration.saved;
}

describe("the record of a guest's saved memory", () => {
  it("is made when libvirt says that the guest was saved, and survives a restart of daemon and libvirt", async () => {
    const record = await keptAfter(SAVED);
    expect(record).toMatchObject({ uuid: UUID });
    expect(Date.parse(record?.at ?? "")).toBeGreaterThan(0);
    await host.restart();

    expect(await keptAfter(FORGOTTEN, FORGOTTEN)).toEqual(record);
  });

  it("is not made of a reason that libvirt has forgotten", async () => {
    expect(await keptAfter(FORGOTTEN)).toBeUndefined();
  });

  it("keeps the time at which it was made", async () => {
    expect(await keptAfter(SAVED, SAVED)).toEqual(await keptAfter());
  });

  it.each([
    ["runs here again", { ...RUNNING, uuid: UUID }],
    ["ended otherwise, as one that migrated away", aReading({ uuid: UUID })],
    ["is not defined here any more", aReading({ uuid: undefined })],
  ])("is dropped when the guest %s", async (_what, reading) => {
    expect(await keptAfter(SAVED, reading)).toBeUndefined();
    expect(await keptAfter(FORGOTTEN)).toBeUndefined();
  });

  it("is another one for another guest of the name", async () => {
    expect(await keptAfter(SAVED, aReading({ uuid: OTHER, saved: "yes" }))).toMatchObject({ uuid: OTHER });
  });

  it("is dropped by a clean and a close, and stays over an offline", async () => {
    await keptAfter(SAVED);
    expect(await host.ask("offline")).toBe(0);
    expect(host.book.get("web1_res")?.registration.saved).toBeDefined();
    expect(await host.ask("clean", { reason: 4 })).toBe(0);
    expect(host.book.get("web1_res")?.registration.saved).toBeUndefined();
    await keptAfter(SAVED);
    await host.ask("close");
    await host.ask("open");

    expect(host.book.get("web1_res")?.registration.saved).toBeUndefined();
  });

  it("has the guest go on from its memory at online, and is then dropped", async () => {
    await keptAfter(SAVED);
    host.platform.memory = { uuid: UUID, policy: "restore" };
    await host.ask("online");
    expect(host.platform.count("restore web1")).toBe(1);
    expect(host.platform.count("start web1")).toBe(0);

    expect(await keptAfter({ ...RUNNING, uuid: UUID })).toBeUndefined();
    host.platform.readings.set("web1", aReading({ uuid: UUID }));
    await host.ask("online");
    expect(host.platform.count("start web1")).toBe(1);
  });

  it("proves nothing when the engine saw the guest ONLINE elsewhere since", async () => {
    await keptAfter(SAVED);
    host.platform.memory = { uuid: UUID, policy: "restore" };
    host.engine.whereLast = { kind: "elsewhere", system: "node2" };
    await host.ask("online");

    expect(host.platform.count("start web1")).toBe(1);
    expect(host.log.messages("warn")).toEqual(["saved memory of the guest is removed, the guest boots anew"]);
  });
});
