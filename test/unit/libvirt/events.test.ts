import { describe, expect, it } from "vitest";
import type { ConnectionEvents } from "../../../src/libvirt/connection-types.ts";
import { EVENT_MESSAGES } from "../../../src/libvirt/events.ts";
import { SafeEmitter } from "../../../src/libvirt/safe-emitter.ts";
import type { TypedValue } from "../../../src/libvirt/structures.ts";
import { XdrError, XdrReader, XdrWriter } from "../../../src/libvirt/xdr.ts";
import { writeNamedDomain } from "../../support/fake-libvirtd.ts";
import { RECORDED_EVENTS, RECORDED_UUID as uuid } from "../../support/libvirt-recordings.ts";

type Name = Exclude<keyof ConnectionEvents, "close">;
type Write = (writer: XdrWriter) => void;

const domain = { name: "web1", uuid, id: 1 };

function deliver(procedure: number, name: Name, body: Buffer): unknown[] {
  const events = new SafeEmitter((error) => {
    throw error;
  });
  const seen: unknown[] = [];
  events.on(name, (event) => seen.push(event));
  EVENT_MESSAGES.get(procedure)?.deliver(new XdrReader(body), events);
  return seen;
}

function built(write: Write, first: Write = () => undefined): Buffer {
  const writer = new XdrWriter();
  writer.int(4); // callback id
  first(writer);
  writeNamedDomain(writer, domain.name, domain.uuid, domain.id);
  write(writer);
  return writer.bytes();
}

function strings(...texts: string[]): Write {
  return (writer) => {
    for (const text of texts) writer.string(text);
  };
}

function ints(...numbers: number[]): Write {
  return (writer) => {
    for (const number of numbers) writer.int(number);
  };
}

function all(...writes: Write[]): Write {
  return (writer) => {
    for (const write of writes) write(writer);
  };
}

const none: Write = () => undefined;
const address = all(ints(0), strings("127.0.0.1", "5900"));
const param: Write = (writer) => {
  writer.uint(1);
  writer.string("blkdeviotune.disk");
  writer.int(7);
  writer.string("vda");
};

describe("Event messages", () => {
  it.each<[number, Name, Buffer, object]>([
    [318, "lifecycle", built(ints(5, 1)), { event: 5, detail: 1 }],
    [319, "reboot", built(none), {}],
    [320, "rtcChange", built((writer) => writer.hyper(-3600n)), { offsetS: -3600n }],
    [321, "watchdog", built(ints(2)), { action: 2 }],
    [322, "ioError", built(all(strings("/d", "vda"), ints(1))), { path: "/d", device: "vda", action: 1 }],
    [
      323,
      "graphics",
      built(all(ints(1), address, address, strings("none"), ints(1), strings("a", "b"))),
      {
        phase: 1,
        local: { family: 0, node: "127.0.0.1", service: "5900" },
        remote: { family: 0, node: "127.0.0.1", service: "5900" },
        authScheme: "none",
        subject: [{ type: "a", name: "b" }],
      },
    ],
    [
      324,
      "ioErrorReason",
      built(all(strings("/d", "vda"), ints(1), strings("enospc"))),
      { path: "/d", device: "vda", action: 1, reason: "enospc" },
    ],
    [325, "controlError", built(none), {}],
    [326, "blockJob", built(all(strings("/d"), ints(2, 3))), { path: "/d", type: 2, status: 3 }],
    [
      327,
      "diskChange",
      built(all(ints(1), strings("/old"), ints(0), strings("hdc"), ints(1))),
      { oldPath: "/old", newPath: null, device: "hdc", reason: 1 },
    ],
    [328, "trayChange", built(all(strings("hdc"), ints(1))), { device: "hdc", reason: 1 }],
    [329, "pmWakeup", built(none, ints(9)), { reason: 9 }],
    [330, "pmSuspend", built(none, ints(9)), { reason: 9 }],
    [331, "balloonChange", built((writer) => writer.uhyper(1024n)), { actualKib: 1024 }],
    [332, "pmSuspendDisk", built(none, ints(9)), { reason: 9 }],
    [333, "deviceRemoved", built(strings("net0")), { device: "net0" }],
    [346, "tunable", built(param), { params: new Map([["blkdeviotune.disk", "vda"]]) }],
    [348, "agentLifecycle", built(ints(2, 1)), { state: 2, reason: 1 }],
    [354, "deviceAdded", built(strings("net0")), { device: "net0" }],
    [359, "migrationIteration", built(ints(3)), { iteration: 3 }],
    [363, "jobCompleted", built(param), { params: new Map([["blkdeviotune.disk", "vda"]]) }],
    [367, "deviceRemovalFailed", built(strings("net0")), { device: "net0" }],
    [379, "metadataChange", built(all(ints(2, 1), strings("http://x"))), { type: 2, namespace: "http://x" }],
  ])("%i is published as %s", (procedure, name, body, expected) => {
    expect(deliver(procedure, name, body)).toEqual([{ domain, ...expected }]);
  });

  it("knows no other message", () => {
    expect([...EVENT_MESSAGES.keys()]).toHaveLength(23);
  });

  it("refuses a message with bytes left over, before anybody hears of it", () => {
    expect(() => deliver(319, "reboot", built(ints(1)))).toThrow(XdrError);
  });
});

describe("Event messages recorded from a libvirtd", () => {
  it.each([
    ["lifecycle", "lifecycle", { domain: { ...domain, id: -1 }, event: 0, detail: 0 }],
    ["reboot", "reboot", { domain }],
    ["agent_lifecycle", "agentLifecycle", { domain, state: 2, reason: 1 }],
    ["migration_iteration", "migrationIteration", { domain, iteration: 1 }],
  ] as const)("reads %s", (key, name, expected) => {
    const { procedure, body } = RECORDED_EVENTS[key];

    expect(deliver(procedure, name, Buffer.from(body, "hex"))).toEqual([expected]);
  });

  it("reads the statistics of a job that ended", () => {
    const { procedure, body } = RECORDED_EVENTS.job_completed;
    const [event] = deliver(procedure, "jobCompleted", Buffer.from(body, "hex"));

    expect(event).toEqual({
      domain,
      params: new Map<string, TypedValue>([
        ["operation", 2],
        ["time_elapsed", 35n],
        ["downtime", 32n],
        ["setup_time", 0n],
        ["data_total", 17_309_696n],
        ["data_processed", 504_956n],
        ["data_remaining", 0n],
        ["memory_total", 17_309_696n],
        ["memory_processed", 504_956n],
        ["memory_remaining", 0n],
        ["memory_constant", 4112n],
        ["memory_normal", 114n],
        ["memory_normal_bytes", 466_944n],
        ["memory_dirty_rate", 0n],
        ["memory_iteration", 2n],
        ["memory_postcopy_requests", 0n],
        ["memory_page_size", 4096n],
      ]),
    });
  });
});
