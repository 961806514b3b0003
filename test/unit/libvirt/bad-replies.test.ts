import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Connection } from "../../../src/libvirt/connection.ts";
import { LibvirtCallError } from "../../../src/libvirt/errors.ts";
import { openConnection } from "../../../src/libvirt/open.ts";
import { errorOf } from "../../support/error-of.ts";
import { type FakeLibvirtd, type ReceivedCall, startFakeLibvirtd } from "../../support/fake-libvirtd.ts";

const UUID = "6695eb01-f6a4-8304-79aa-97f2502e193f";
const GET_STATE = 212;

let daemon: FakeLibvirtd;
let connection: Connection;

beforeEach(async () => {
  daemon = await startFakeLibvirtd();
  const where = { uri: "test:///default", sockets: [daemon.socketPath] };
  connection = await openConnection(where, new AbortController().signal);
});

afterEach(async () => {
  connection.abandon();
  await daemon.stop();
});

describe("Connection, replies that make no sense", () => {
  it.each<[string, (call: ReceivedCall) => void]>([
    ["a body that is too short", (call) => call.client.reply(call, (writer) => writer.int(1))],
    ["a body that is too long", (call) => call.client.reply(call, (writer) => writer.uuid(UUID))],
    [
      "an unknown status",
      (call) => call.client.send({ ...call.header, type: 1, status: 9 }, () => undefined),
    ],
    ["descriptors", (call) => call.client.send({ ...call.header, type: 5 }, (writer) => writer.uint(0))],
    ["a stream", (call) => call.client.send({ ...call.header, type: 3 }, () => undefined)],
    [
      "an error that does not decode",
      (call) => call.client.send({ ...call.header, type: 1, status: 1 }, (writer) => writer.int(1)),
    ],
  ])("rejects just the call whose reply has %s", async (_what, answer) => {
    daemon.on(GET_STATE, answer);

    const error = await errorOf(connection.getState(UUID));

    expect(error).toBeInstanceOf(LibvirtCallError);
    expect(error).toMatchObject({ kind: "protocol" });
    expect(connection.closed).toBe(false);
  });

  it.each<[string, (call: ReceivedCall) => void]>([
    ["a length that is impossible", (call) => call.client.socket.write(Buffer.alloc(64, 0xff))],
    [
      "a reply to no call",
      (call) => call.client.send({ ...call.header, type: 1, serial: 4711 }, () => undefined),
    ],
    [
      "a reply of another procedure",
      (call) => call.client.send({ ...call.header, type: 1, procedure: 2 }, () => undefined),
    ],
    [
      "a reply of another program",
      (call) => call.client.send({ ...call.header, type: 1, program: 9 }, () => undefined),
    ],
    ["an event that does not decode", (call) => call.client.message(318, (writer) => writer.int(1))],
  ])("ends the connection after %s", async (_what, answer) => {
    daemon.on(GET_STATE, answer);

    const error = await errorOf(connection.getState(UUID));

    expect(error).toMatchObject({ kind: "closed" });
    expect(connection.closeReason).toMatchObject({ kind: "protocol error" });
  });

  it("ignores messages it does not know", async () => {
    daemon.on(GET_STATE, (call) => {
      call.client.message(999, (writer) => writer.int(1));
      call.client.message(318, (writer) => writer.int(1), 0x12345678);
      call.client.reply(call, (writer) => {
        writer.int(1);
        writer.int(5);
      });
    });

    expect(await connection.getState(UUID)).toEqual({ state: 1, reason: 5 });
  });
});
