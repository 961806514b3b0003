import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Connection } from "../../../src/libvirt/connection.ts";
import type { CloseReason } from "../../../src/libvirt/connection-types.ts";
import { isCancelled, isTimedOut, LibvirtError } from "../../../src/libvirt/errors.ts";
import { type OpenOptions, openConnection } from "../../../src/libvirt/open.ts";
import { PACKET_STATUS, PACKET_TYPE, PROGRAM } from "../../../src/libvirt/packet.ts";
import { errorOf } from "../../support/error-of.ts";
import {
  type FakeLibvirtd,
  type ReceivedCall,
  startFakeLibvirtd,
  writeNamedDomain,
} from "../../support/fake-libvirtd.ts";

const UUID = "6695eb01-f6a4-8304-79aa-97f2502e193f";
const GET_STATE = 212;

let daemon: FakeLibvirtd;
let connection: Connection;
const reasons: CloseReason[] = [];

async function open(options: Partial<OpenOptions> = {}): Promise<Connection> {
  const where = { uri: "test:///default", sockets: [daemon.socketPath] };
  connection = await openConnection({ ...where, ...options }, new AbortController().signal);
  connection.events.on("close", (reason) => reasons.push(reason));
  return connection;
}

function answerState(call: ReceivedCall, state = 1, reason = 5): void {
  call.client.reply(call, (writer) => {
    writer.int(state);
    writer.int(reason);
  });
}

function sendLifecycle(event: number): void {
  daemon.client.message(318, (writer) => {
    writer.int(0);
    writeNamedDomain(writer, "web1", UUID, 3);
    writer.int(event);
    writer.int(1);
  });
}

beforeEach(async () => {
  daemon = await startFakeLibvirtd();
  reasons.length = 0;
});

afterEach(async () => {
  connection.abandon();
  await daemon.stop();
});

describe("Connection, calling", () => {
  it("sends a call and returns what the reply says", async () => {
    daemon.on(GET_STATE, (call) => answerState(call));
    await open();

    expect(await connection.getState(UUID)).toEqual({ state: 1, reason: 5 });
    expect(daemon.client.received.at(-1)?.header).toMatchObject({
      program: 0x20008086,
      version: 1,
      procedure: 212,
      type: 0,
      status: 0,
    });
    expect(connection.inFlight).toBe(0);
  });

  it("joins replies to their calls in whatever order they come", async () => {
    const calls: ReceivedCall[] = [];
    daemon.on(GET_STATE, (call) => {
      calls.push(call);
      if (calls.length < 3) return;
      for (const [index, late] of calls.entries()) answerState(calls[2 - index] ?? late, 3 - index);
    });
    await open();

    const states = await Promise.all([1, 2, 3].map(() => connection.getState(UUID)));

    expect(states.map(({ state }) => state)).toEqual([1, 2, 3]);
  });

  it("rejects with libvirt's own words and numbers when libvirt says no", async () => {
    daemon.on(GET_STATE, (call) => call.client.refuse(call, 42, "Domain not found", 10));
    await open();

    const error = await errorOf(connection.getState(UUID));

    expect(error).toBeInstanceOf(LibvirtError);
    expect(error).toMatchObject({
      code: 42,
      domain: 10,
      level: 2,
      message: "Domain not found",
      procedure: "domain_get_state",
      str1: "template: %s",
      int2: 7,
    });
  });

  it("gives a call up at its own deadline and drops the late reply", async () => {
    const calls: ReceivedCall[] = [];
    daemon.on(GET_STATE, (call) => calls.push(call));
    await open();

    const error = await errorOf(connection.getState(UUID, { timeoutMs: 10 }));
    expect(isTimedOut(error)).toBe(true);
    expect(connection.inFlight).toBe(1);
    await vi.waitFor(() => expect(calls).toHaveLength(1));
    for (const call of calls) answerState(call);
    await vi.waitFor(() => expect(connection.inFlight).toBe(0));

    expect(await connection.setAutostart(UUID, true)).toBeUndefined();
    expect(connection.closed).toBe(false);
  });

  it("gives a call up when its signal is aborted", async () => {
    daemon.on(GET_STATE, () => undefined);
    await open();
    const controller = new AbortController();

    const state = connection.getState(UUID, { signal: controller.signal });
    controller.abort(new Error("the shim went away"));
    const error = await errorOf(state);

    expect(isCancelled(error)).toBe(true);
    expect(error).toMatchObject({ cause: new Error("the shim went away") });
    expect(connection.inFlight).toBe(1);
  });

  it("sends nothing for a signal that is aborted already", async () => {
    await open();
    const before = daemon.client.received.length;

    const error = await errorOf(connection.getState(UUID, { signal: AbortSignal.abort() }));
    await connection.setAutostart(UUID, true);

    expect(isCancelled(error)).toBe(true);
    expect(daemon.client.received).toHaveLength(before + 1);
  });

  it("names the guest it started, although libvirtd answers with the name it was given", async () => {
    daemon.on(24, (call) => call.client.reply(call, (writer) => writeNamedDomain(writer, "web1", UUID, -1)));
    daemon.on(196, (call) => call.client.reply(call, (writer) => writeNamedDomain(writer, "", UUID, 7)));
    await open();

    expect(await connection.create(UUID, 0, { timeoutMs: 60_000 })).toEqual({
      name: "web1",
      uuid: UUID,
      id: 7,
    });
  });

  it("refuses arguments that cannot be sent", async () => {
    await open();

    expect(await errorOf(connection.getState("web1"))).toMatchObject({ kind: "argument" });
    expect(await errorOf(connection.getXml(UUID, -1))).toMatchObject({ kind: "argument" });
    expect(connection.inFlight).toBe(0);
  });

  it("refuses calls when too many have no reply", async () => {
    daemon.on(GET_STATE, () => undefined);
    await open({ maxInFlight: 2 });

    const waiting = [connection.getState(UUID), connection.getState(UUID)].map(errorOf);
    expect(await errorOf(connection.getState(UUID))).toMatchObject({ kind: "overloaded" });

    connection.abandon();
    expect(await Promise.all(waiting)).toMatchObject([{ kind: "closed" }, { kind: "closed" }]);
  });

  it("refuses calls when the daemon does not read", async () => {
    await open();
    daemon.client.socket.pause();
    const large = "x".repeat(4_000_000);

    const calls = Array.from({ length: 10 }, () => connection.defineXml(large, 0));
    const errors = calls.map(errorOf);
    await vi.waitFor(async () => expect(await errors.at(-1)).toMatchObject({ kind: "overloaded" }));

    connection.abandon();
    expect(await errors[0]).toMatchObject({ kind: "closed" });
  });
});

describe("Connection, events", () => {
  it("publishes an event to its listeners", async () => {
    await open();
    const seen: unknown[] = [];
    connection.events.on("lifecycle", (event) => seen.push(event));

    sendLifecycle(5);

    await vi.waitFor(() => expect(seen).toHaveLength(1));
    expect(seen).toEqual([{ domain: { name: "web1", uuid: UUID, id: 3 }, event: 5, detail: 1 }]);
  });

  it("reports a listener that throws, and goes on with the others", async () => {
    const thrown: unknown[] = [];
    await open({ onListenerError: (error, event) => thrown.push([error, event]) });
    const seen: number[] = [];
    connection.events.once("lifecycle", () => {
      throw new Error("broken listener");
    });
    connection.events.on("lifecycle", ({ event }) => seen.push(event));

    sendLifecycle(5);
    sendLifecycle(2);

    await vi.waitFor(() => expect(seen).toEqual([5, 2]));
    expect(thrown).toEqual([[new Error("broken listener"), "lifecycle"]]);
    expect(connection.closed).toBe(false);
  });
});

describe("Connection, keepalive", () => {
  it("answers the daemon's pings", async () => {
    await open();

    daemon.client.send(
      {
        program: PROGRAM.KEEPALIVE,
        version: 1,
        procedure: 1,
        type: PACKET_TYPE.MESSAGE,
        serial: 0,
        status: 0,
      },
      () => undefined,
    );

    await vi.waitFor(() =>
      expect(daemon.client.received.at(-1)?.header).toEqual({
        program: 0x6b656570,
        version: 1,
        procedure: 2,
        type: PACKET_TYPE.MESSAGE,
        serial: 0,
        status: PACKET_STATUS.OK,
      }),
    );
  });

  it("ends the connection when a silent daemon answers no ping", async () => {
    daemon.on(GET_STATE, () => undefined);
    await open({ keepalive: { intervalMs: 10, count: 2 } });

    const error = await errorOf(connection.getState(UUID));

    expect(error).toMatchObject({ kind: "closed" });
    expect(reasons).toMatchObject([{ kind: "keepalive timeout" }]);
    const pings = daemon.client.received.filter(({ header }) => header.program === PROGRAM.KEEPALIVE);
    expect(pings).toHaveLength(2);
  });

  it("does not ask a daemon that would not answer", async () => {
    daemon.on(60, (call) => call.client.reply(call, (writer) => writer.int(0)));
    daemon.on(GET_STATE, (call) => setTimeout(() => answerState(call), 100));
    await open({ keepalive: { intervalMs: 5, count: 1 } });

    expect(await connection.getState(UUID)).toEqual({ state: 1, reason: 5 });
  });
});

describe("Connection, closing", () => {
  it("says good-bye, then reports its end once", async () => {
    await open();
    const { client } = daemon;

    await Promise.all([connection.close(), connection.close()]);

    expect(client.received.at(-1)?.header.procedure).toBe(2);
    expect(reasons).toMatchObject([{ kind: "closed by us" }]);
    expect(await errorOf(connection.getState(UUID))).toMatchObject({ kind: "closed" });
  });

  it("closes within a bounded time when the daemon is silent", async () => {
    daemon.on(2, () => undefined);
    daemon.on(GET_STATE, () => undefined);
    await open();
    const state = errorOf(connection.getState(UUID));

    await connection.close();

    expect(await state).toMatchObject({ kind: "closed" });
    expect(reasons).toMatchObject([{ kind: "closed by us" }]);
  });

  it("reports the end of the stream and rejects what waits", async () => {
    daemon.on(GET_STATE, (call) => call.client.socket.end());
    await open();

    const errors = await Promise.all([connection.getState(UUID), connection.getState(UUID)].map(errorOf));

    expect(errors).toMatchObject([{ kind: "closed" }, { kind: "closed" }]);
    expect(reasons).toMatchObject([{ kind: "end of file", message: "libvirtd closed the connection" }]);
    expect(connection.closeReason).toEqual(reasons[0]);
    await connection.close();
    expect(reasons).toHaveLength(1);
  });

  it("reports a socket that breaks", async () => {
    await open();
    daemon.client.socket.pause();
    const call = errorOf(connection.defineXml("x".repeat(4_000_000), 0));

    daemon.client.socket.destroy(); // with bytes unread, which the kernel tells the other side

    expect(await call).toMatchObject({ kind: "closed" });
    expect(reasons).toMatchObject([{ kind: "socket error" }]);
  });

  it("reports that the daemon lost its driver", async () => {
    daemon.on(GET_STATE, (call) => call.client.message(362, (writer) => writer.int(1)));
    await open();

    expect(await errorOf(connection.getState(UUID))).toMatchObject({ kind: "closed" });
    expect(reasons).toMatchObject([{ kind: "server closed" }]);
  });
});
