import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CONNECTION_CLOSED_MESSAGE, EVENT_MESSAGES } from "../../src/libvirt/events.ts";
import {
  KEEPALIVE_PROCEDURE,
  PACKET_MAX,
  PACKET_STATUS,
  PACKET_TYPE,
  PROGRAM,
  PROGRAM_VERSION,
} from "../../src/libvirt/packet.ts";
import { SafeEmitter } from "../../src/libvirt/safe-emitter.ts";
import { STRING_MAX } from "../../src/libvirt/xdr.ts";
import { parseHeader } from "./libvirt-protocol/c-header.ts";
import { type DotX, parseDotX } from "./libvirt-protocol/dot-x.ts";
import { rowCount, type TracedRow, traceAll } from "./libvirt-protocol/samples.ts";
import { TABLE_COUNT, TABLES } from "./libvirt-protocol/tables.ts";
import { TracingReader } from "./libvirt-protocol/trace.ts";

/*
 * Compares the binding's tables with libvirt's source, which scripts/check-libvirt-protocol unpacked into the folder
 * named by the first argument: numbers, priorities, the words of arguments, replies and events, bounds, constants.
 */

const differences: string[] = [];
let compared = 0;

function compare(what: string, ours: unknown, theirs: unknown): void {
  compared += 1;
  const [left, right] = [JSON.stringify(ours), JSON.stringify(theirs)];
  if (left !== right) differences.push(`${what}: ours ${left}, libvirt's ${right}`);
}

function compareRow(row: TracedRow, dotX: DotX, prefix: string): void {
  const constant = `${prefix.toUpperCase()}_PROC_${row.name.toUpperCase()}`;
  compare(constant, row.number, dotX.constants.get(constant));
  compare(`${constant} priority`, row.priority, dotX.priorities.get(constant));
  compare(`${row.name} args`, row.args, dotX.layout(`${prefix}_${row.name}_args`) ?? []);
  compare(`${row.name} ret`, row.result, dotX.layout(`${prefix}_${row.name}_ret`) ?? []);
}

function compareEvents(remote: DotX): void {
  const closed = remote.constants.get("REMOTE_PROC_CONNECT_EVENT_CONNECTION_CLOSED");
  compare("connection closed", CONNECTION_CLOSED_MESSAGE, closed);
  for (const [number, { name, deliver }] of EVENT_MESSAGES) {
    const constant = `REMOTE_PROC_${name.toUpperCase()}`;
    const reader = new TracingReader();
    deliver(reader, new SafeEmitter(() => undefined));
    compare(constant, number, remote.constants.get(constant));
    compare(`${name} msg`, reader.words, remote.layout(`remote_${name}_msg`));
  }
}

function comparePackets(read: (path: string) => string, remote: DotX, qemu: DotX): void {
  const ping = read("src/rpc/virkeepaliveprotocol.x");
  const keepalive = parseHeader(ping, parseDotX(ping).constants);
  const net = read("src/rpc/virnetprotocol.x");
  const numbers = parseHeader(net, keepalive);
  const limits = parseDotX(net).constants;
  compare("REMOTE_PROGRAM", PROGRAM.REMOTE, remote.constants.get("REMOTE_PROGRAM"));
  compare("QEMU_PROGRAM", PROGRAM.QEMU, qemu.constants.get("QEMU_PROGRAM"));
  compare("KEEPALIVE_PROGRAM", PROGRAM.KEEPALIVE, keepalive.get("KEEPALIVE_PROGRAM"));
  compare("REMOTE_PROTOCOL_VERSION", PROGRAM_VERSION, remote.constants.get("REMOTE_PROTOCOL_VERSION"));
  compare("QEMU_PROTOCOL_VERSION", PROGRAM_VERSION, qemu.constants.get("QEMU_PROTOCOL_VERSION"));
  compare("KEEPALIVE_PROTOCOL_VERSION", PROGRAM_VERSION, keepalive.get("KEEPALIVE_PROTOCOL_VERSION"));
  compare("STRING_MAX", STRING_MAX, remote.constants.get("REMOTE_STRING_MAX"));
  const max = (limits.get("VIR_NET_MESSAGE_MAX") ?? 0) + (limits.get("VIR_NET_MESSAGE_LEN_MAX") ?? 0);
  compare("VIR_NET_MESSAGE_MAX", PACKET_MAX, max);
  for (const table of [PACKET_TYPE, PACKET_STATUS]) {
    for (const [name, value] of Object.entries(table)) compare(name, value, numbers.get(`VIR_NET_${name}`));
  }
  for (const [name, value] of Object.entries(KEEPALIVE_PROCEDURE)) {
    compare(name, value, keepalive.get(`KEEPALIVE_PROC_${name}`));
  }
}

function compareConstants(read: (path: string) => string): void {
  let numbers = new Map<string, number>();
  const headers = [
    "include/libvirt/libvirt-common.h.in",
    "include/libvirt/libvirt-domain.h",
    "include/libvirt/libvirt-host.h",
    "include/libvirt/libvirt-qemu.h",
    "include/libvirt/virterror.h",
    "src/libvirt_internal.h",
  ];
  for (const header of headers) numbers = parseHeader(read(header), numbers);
  compare("number of tables", TABLES.length, TABLE_COUNT);
  for (const [prefix, table] of TABLES) {
    for (const [name, value] of Object.entries(table)) {
      compare(`${prefix}${name}`, value, numbers.get(`${prefix}${name}`));
    }
  }
}

function main(source: string): void {
  const read = (path: string): string => readFileSync(join(source, path), "utf8");
  const remote = parseDotX(read("src/remote/remote_protocol.x"));
  const qemu = parseDotX(read("src/remote/qemu_protocol.x"), remote);
  const rows = traceAll();
  compare("number of procedures", rows.length, rowCount());
  for (const row of rows) {
    if (row.program === PROGRAM.QEMU) compareRow(row, qemu, "qemu");
    else compareRow(row, remote, "remote");
  }
  compareEvents(remote);
  comparePackets(read, remote, qemu);
  compareConstants(read);
  for (const difference of differences) console.error(difference);
  console.log(`${compared} compared, ${differences.length} different`);
  process.exitCode = differences.length === 0 ? 0 : 1;
}

main(process.argv[2] ?? ".");
