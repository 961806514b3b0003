import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Connection } from "../../../src/libvirt/connection.ts";
import { LibvirtCallError, LibvirtError } from "../../../src/libvirt/errors.ts";
import { EVENT_MESSAGES, type EventRow } from "../../../src/libvirt/events.ts";
import { openConnection } from "../../../src/libvirt/open.ts";
import { encodePacket } from "../../../src/libvirt/packet.ts";
import type { Decode, Procedure } from "../../../src/libvirt/procedure.ts";
import { DOMAIN_PROCEDURES, QEMU_PROCEDURES } from "../../../src/libvirt/procedures-domain.ts";
import { HOST_PROCEDURES } from "../../../src/libvirt/procedures-host.ts";
import { JOB_PROCEDURES } from "../../../src/libvirt/procedures-job.ts";
import { SafeEmitter } from "../../../src/libvirt/safe-emitter.ts";
import { XdrError, XdrReader, XdrWriter } from "../../../src/libvirt/xdr.ts";
import {
  type FakeLibvirtd,
  type ReceivedCall,
  startFakeLibvirtd,
  writeError,
} from "../../support/fake-libvirtd.ts";
import { InventingReader } from "../../support/libvirt-protocol/invent.ts";
import { mutate } from "../../support/libvirt-protocol/mutate.ts";
import { Random } from "../../support/random.ts";

const CASES = process.env["VCSKVM_LONG"] === "1" ? 10_000 : 2000;
const WORKERS = 20;
/** Only a reply that never becomes complete waits this long. */
const CALL_MS = 100;
const SEED = Number(process.env["VCSKVM_SEED"] ?? Date.now() % 1_000_000);

/** The fuzzed connections are opened by unspoilt packets. */
const OPENING: readonly string[] = [
  "connect_open",
  "connect_supports_feature",
  "auth_list",
  "connect_register_close_callback",
];

type Row = Pick<Procedure<unknown, unknown>, "name" | "program" | "number" | "priority"> & {
  decode: Decode<unknown>;
};

const ROWS: readonly Row[] = [
  ...Object.values(HOST_PROCEDURES),
  ...Object.values(DOMAIN_PROCEDURES),
  ...Object.values(JOB_PROCEDURES),
  ...Object.values(QEMU_PROCEDURES),
].filter(({ name }) => !OPENING.includes(name));

type Outcome = "answered" | "refused" | LibvirtCallError["kind"];

let daemon: FakeLibvirtd;
const silent = new SafeEmitter(() => undefined);

function caseRandom(index: number): Random {
  return new Random(Math.imul(SEED + 1, 0x9e3779b1) ^ index);
}

function rowOf(index: number): Row {
  const row = ROWS[index % ROWS.length];
  if (row === undefined) throw new Error("no procedures");
  return row;
}

function inventBody(random: Random, read: (reader: XdrReader) => unknown): Buffer {
  const writer = new XdrWriter();
  read(new InventingReader(random, writer));
  return Buffer.from(writer.bytes());
}

function eventOf(index: number): [number, EventRow] {
  const message = [...EVENT_MESSAGES][index % EVENT_MESSAGES.size];
  if (message === undefined) throw new Error("no events");
  return message;
}

function inventEvent(random: Random): Buffer {
  const [procedure, row] = eventOf(random.below(EVENT_MESSAGES.size));
  const body = inventBody(random, (reader) => row.deliver(reader, silent));
  return encodePacket({ program: 0x20008086, version: 1, procedure, type: 2, serial: 1, status: 0 }, body);
}

function inventReply(random: Random, { header }: ReceivedCall, row: Row): Buffer {
  if (random.below(4) === 0) {
    const writer = new XdrWriter();
    writeError(writer, 42, "no domain", 10);
    return encodePacket({ ...header, type: 1, status: 1 }, writer.bytes());
  }
  return encodePacket({ ...header, type: 1 }, inventBody(random, row.decode));
}

/** The call carries the number of its case, so that the same seed spoils the same case in the same way. */
function answer(call: ReceivedCall): void {
  const index = call.args.uint();
  const random = caseRandom(index);
  const event = inventEvent(random);
  const reply = inventReply(random, call, rowOf(index));
  const { socket } = call.client;
  if (random.below(4) === 0) socket.write(Buffer.concat([mutate(random, event), reply]));
  else socket.write(Buffer.concat([event, mutate(random, reply)]));
}

function open(): Promise<Connection> {
  const where = { uri: "test:///default", sockets: [daemon.socketPath], openTimeoutMs: 30_000 };
  return openConnection(where, new AbortController().signal);
}

async function runCase(connection: Connection, index: number): Promise<Outcome> {
  const row = rowOf(index);
  const encode = (writer: XdrWriter): void => writer.uint(index);
  try {
    await connection.call({ ...row, encode }, undefined, { timeoutMs: CALL_MS });
    return "answered";
  } catch (error) {
    if (error instanceof LibvirtError) return "refused";
    if (error instanceof LibvirtCallError) return error.kind;
    throw new Error(`VCSKVM_SEED=${SEED}, case ${index}: an error of no known kind`, { cause: error });
  }
}

function thrownBy(decode: () => unknown): unknown {
  try {
    decode();
    return undefined;
  } catch (error) {
    return error;
  }
}

async function work(indexes: Iterator<number>, outcomes: Outcome[]): Promise<void> {
  let connection = await open();
  for (let next = indexes.next(); next.done !== true; next = indexes.next()) {
    if (connection.closed) connection = await open();
    const outcome = await runCase(connection, next.value);
    outcomes.push(outcome);
    if (outcome === "timed out") connection.abandon(); // half a packet is in its way
  }
  connection.abandon();
}

beforeAll(async () => {
  daemon = await startFakeLibvirtd();
  for (const { program, number } of ROWS) daemon.on(number, answer, program);
});

afterAll(async () => {
  await daemon.stop();
});

/** Spoils one of the replies to the opening's calls, by the number of the connection. */
function spoilOpening(hostile: FakeLibvirtd): void {
  for (const row of Object.values(HOST_PROCEDURES).filter(({ name }) => OPENING.includes(name))) {
    hostile.on(row.number, (call) => {
      const random = new Random(Math.imul(SEED + hostile.clients.length, 0x9e3779b1) ^ row.number);
      const reply = inventReply(random, call, row);
      call.client.socket.write(random.below(2) === 0 ? reply : mutate(random, reply));
    });
  }
}

async function tryOpening({ socketPath }: FakeLibvirtd): Promise<Outcome> {
  const options = { uri: "test:///default", sockets: [socketPath], openTimeoutMs: CALL_MS };
  try {
    const connection = await openConnection(options, new AbortController().signal);
    connection.abandon();
    return "answered";
  } catch (error) {
    if (error instanceof LibvirtError) return "refused";
    if (error instanceof LibvirtCallError) return error.kind;
    throw new Error(`VCSKVM_SEED=${SEED}: an error of no known kind`, { cause: error });
  }
}

describe("A connection to a broken or hostile daemon", () => {
  it(`settles every opening, whatever comes: ${CASES / 20} of them`, { timeout: 300_000 }, async () => {
    const hostile = await startFakeLibvirtd();
    spoilOpening(hostile);
    const outcomes = new Set<Outcome>();

    for (let index = 0; index < CASES / 20; index++) outcomes.add(await tryOpening(hostile));

    await hostile.stop();
    const kinds = new Set([...outcomes, "answered", "auth"]); // these two are rare
    expect(kinds, `VCSKVM_SEED=${SEED}`).toEqual(
      new Set(["answered", "refused", "protocol", "closed", "timed out", "auth"]),
    );
  });

  it(`settles every call, whatever comes: ${CASES} spoilt packets`, { timeout: 300_000 }, async () => {
    const outcomes: Outcome[] = [];
    const indexes = Array.from({ length: CASES }, (_, index) => index).values();

    await Promise.all(Array.from({ length: WORKERS }, () => work(indexes, outcomes)));

    expect(outcomes).toHaveLength(CASES);
    expect(new Set(outcomes), `VCSKVM_SEED=${SEED}`).toEqual(
      new Set(["answered", "refused", "protocol", "closed", "timed out"]),
    );
  });

  it(`decodes spoilt bodies or refuses them by an XdrError: ${CASES} of each`, { timeout: 300_000 }, () => {
    const thrown: unknown[] = [];
    for (let index = 0; index < CASES; index++) {
      const random = caseRandom(index);
      const body = mutate(random, inventBody(random, rowOf(index).decode));
      const event = mutate(random, inventEvent(random)).subarray(28);
      thrown.push(thrownBy(() => rowOf(index).decode(new XdrReader(body))));
      thrown.push(thrownBy(() => eventOf(index)[1].deliver(new XdrReader(event), silent)));
    }

    const kinds = new Set(thrown.map((error) => (error instanceof XdrError ? "XdrError" : String(error))));
    expect(kinds, `VCSKVM_SEED=${SEED}`).toEqual(new Set(["undefined", "XdrError"]));
  });
});
