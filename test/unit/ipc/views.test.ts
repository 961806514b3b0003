import { stat } from "node:fs/promises";
import { get, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { getgid } from "node:process";
import { afterEach, describe, expect, it, vi } from "vitest";
import { DEFAULT_LIMITS } from "../../../ipc/protocol.ts";
import { ask } from "../../support/ipc/http-client.ts";
import { makeFolder, startTestServer, TestServer } from "../../support/ipc/test-server.ts";

const WAIT = { timeout: 20_000 };
let server: TestServer;
vi.setConfig({ testTimeout: 30_000 });

afterEach(async () => {
  await server.remove();
});

/** A reader of the events, once the server knows it. */
async function follow(): Promise<{ response: IncomingMessage; lines: string[] }> {
  const known = server.views.listeners.size;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get({ socketPath: server.socket, path: "/v1/events", agent: false }, resolve).once("error", reject);
  });
  const lines: string[] = [];
  response.setEncoding("utf8").on("data", (text: string) => lines.push(...text.split("\n").filter(Boolean)));
  response.on("error", () => {}); // a reader that is cut sees a reset
  await vi.waitFor(() => expect(server.views.listeners.size).toBe(known + 1), WAIT);
  return { response, lines };
}

describe("a view", () => {
  it("shows the daemon's health as JSON", async () => {
    server = await startTestServer();

    const answer = await ask(server.socket, "GET", "/healthz?verbose");

    expect(answer).toMatchObject({ status: 200, body: '{"healthy":true}\n' });
    expect(answer.headers["content-type"]).toBe("application/json");
  });

  it("shows all guests, and one by its name", async () => {
    server = await startTestServer();
    server.views.guestsByName = { "vm 1": { state: "ONLINE" } };

    expect(await ask(server.socket, "GET", "/v1/guests")).toMatchObject({ status: 200, body: '["vm 1"]\n' });
    expect(await ask(server.socket, "GET", "/v1/guests/vm%201")).toMatchObject({
      status: 200,
      body: '{"state":"ONLINE"}\n',
    });
  });

  it("costs only its request when it throws", async () => {
    server = await startTestServer();
    server.views.failure = new Error("a bug");

    expect((await ask(server.socket, "GET", "/healthz")).status).toBe(500);
    expect((await ask(server.socket, "GET", "/v1/guests")).status).toBe(200);
  });
});

describe("the stream of events", () => {
  it("gives each reader every event as a line of JSON", async () => {
    server = await startTestServer();
    const readers = [await follow(), await follow()];

    server.views.publish({ guest: "vm1", state: "ONLINE" });
    server.views.publish({ guest: "vm1", state: "OFFLINE" });

    for (const { lines } of readers) {
      await vi.waitFor(() => {
        expect(lines).toEqual(['{"guest":"vm1","state":"ONLINE"}', '{"guest":"vm1","state":"OFFLINE"}']);
      }, WAIT);
    }
  });

  it("forgets a reader that left", async () => {
    server = await startTestServer();
    const { response } = await follow();

    response.destroy();

    await vi.waitFor(() => expect(server.views.listeners.size).toBe(0), WAIT);
  });

  it("cuts a reader that is too slow, and no other", async () => {
    server = await startTestServer({ limits: { ...DEFAULT_LIMITS, eventBufferBytes: 10_000 } });
    const quick = await follow();
    const slow = connect(server.socket);
    slow.pause();
    slow.write("GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n");
    await vi.waitFor(() => expect(server.views.listeners.size).toBe(2), WAIT);

    await vi.waitFor(() => {
      server.views.publish("x".repeat(5_000));
      expect(server.views.listeners.size).toBe(1);
    }, WAIT);

    expect(server.log.messages()).toContain("reader of events cut, it is too slow");
    server.views.publish("last");
    await vi.waitFor(() => expect(quick.lines.at(-1)).toBe('"last"'), WAIT);
    slow.destroy();
  });

  it("survives that the cutting of a reader is an event itself", async () => {
    server = await startTestServer({ limits: { ...DEFAULT_LIMITS, eventBufferBytes: 10_000 } });
    const { views, log } = server;
    log.warn = (_fields, message) => views.publish({ event: "noted", what: message });
    const quick = await follow();
    const slow = connect(server.socket);
    slow.pause();
    slow.write("GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n");
    await vi.waitFor(() => expect(views.listeners.size).toBe(2), WAIT);

    await vi.waitFor(() => {
      views.publish("x".repeat(5_000));
      expect(views.listeners.size).toBe(1);
    }, WAIT);

    const told = '{"event":"noted","what":"reader of events cut, it is too slow"}';
    await vi.waitFor(() => expect(quick.lines).toContain(told), WAIT);
    slow.destroy();
  });

  it("refuses more readers than the limit", async () => {
    server = await startTestServer({ limits: { ...DEFAULT_LIMITS, eventReaders: 1 } });
    await follow();

    expect((await ask(server.socket, "GET", "/v1/events")).status).toBe(503);
  });

  it("ends when the server stops", async () => {
    server = await startTestServer();
    const { response } = await follow();

    await server.stop(0);

    await vi.waitFor(() => expect(response.complete).toBe(true), WAIT);
  });
});

describe("the read-only socket", () => {
  it("shows the views to its group and runs no entry point", async () => {
    server = new TestServer(await makeFolder());
    const path = join(server.folder, "read", "agent.sock");
    await server.start({ readOnlySocket: { path, gid: getgid?.() ?? 0 } });

    expect((await ask(path, "GET", "/healthz")).status).toBe(200);
    expect((await ask(path, "POST", "/v1/entry-points/clean", "vmres\0")).status).toBe(403);
    expect(server.requests).toEqual([]);
    expect((await stat(path)).mode & 0o777).toBe(0o660);
    expect((await stat(dirname(path))).mode & 0o777).toBe(0o750);
  });

  it("leaves no socket behind when it cannot be served", async () => {
    server = new TestServer(await makeFolder());

    await expect(server.start({ readOnlySocket: { path: "relative", gid: 0 } })).rejects.toMatchObject({
      code: "SOCKET_PATH",
    });

    await expect(stat(server.socket)).rejects.toMatchObject({ code: "ENOENT" });
  });
});
