import { once } from "node:events";
import { lstat } from "node:fs/promises";
import { connect } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { DEFAULT_LIMITS } from "../../../ipc/protocol.ts";
import { ask, askRaw } from "../../support/ipc/http-client.ts";
import {
  HeldReplies,
  startTestServer,
  type TestServer,
  untilAborted,
} from "../../support/ipc/test-server.ts";

const WAIT = { timeout: 20_000 };
let server: TestServer;
vi.setConfig({ testTimeout: 30_000 });

afterEach(async () => {
  await server.remove();
});

describe("an entry point's request", () => {
  it("reaches the handler with name and arguments, and its answer comes back", async () => {
    server = await startTestServer();
    server.reply = () => Promise.resolve({ exitCode: 110, output: "well" });

    const answer = await ask(
      server.socket,
      "POST",
      "/v1/entry-points/monitor",
      "vmres\0GuestName\x001\0vm 1\0",
    );

    expect(answer).toMatchObject({ status: 200, body: "110\nwell" });
    expect(answer.headers["content-length"]).toBe("8");
    expect(server.requests).toMatchObject([
      { kind: "entry-point", name: "monitor", args: ["vmres", "GuestName", "1", "vm 1"] },
    ]);
  });

  it("reaches the handler as an action under its token", async () => {
    server = await startTestServer();

    await ask(server.socket, "POST", "/v1/actions/DevScan", "");

    expect(server.requests).toMatchObject([{ kind: "action", name: "DevScan", args: [] }]);
  });

  it("costs only itself when the handler throws", async () => {
    server = await startTestServer();
    server.reply = () => Promise.reject(new Error("a bug with Password=secret"));

    const answer = await ask(server.socket, "POST", "/v1/entry-points/clean", "vmres\0");
    server.reply = () => Promise.resolve({ exitCode: 0, output: "" });
    const next = await ask(server.socket, "POST", "/v1/entry-points/clean", "vmres\0");

    expect(answer.status).toBe(500);
    expect(answer.body).toMatch(/^[^\n]+\n$/);
    expect(answer.body).not.toContain("secret");
    expect(server.log.messages()).toContain("request failed");
    expect(next).toMatchObject({ status: 200, body: "0\n" });
  });

  it("is never answered with an exit code that the framework does not know", async () => {
    server = await startTestServer();
    server.reply = () => Promise.resolve({ exitCode: 1, output: "" });

    const answer = await ask(server.socket, "POST", "/v1/entry-points/monitor", "vmres\0");

    expect(answer.status).toBe(500);
  });

  it("is refused when a byte is missing", async () => {
    server = await startTestServer();

    const answer = await ask(server.socket, "POST", "/v1/entry-points/clean", "vmres\x004");

    expect(answer.status).toBe(400);
    expect(answer.body).toContain("cut off");
    expect(server.requests).toEqual([]);
  });

  it("never shows its arguments in the log", async () => {
    server = await startTestServer();
    server.reply = () => Promise.reject(new Error("a bug"));

    await ask(server.socket, "POST", "/v1/entry-points/online", "vmres\0Password\0hunter2\0");
    await ask(server.socket, "POST", "/v1/entry-points/online", "vmres\0Password\0hunter2");

    expect(JSON.stringify(server.log.entries)).not.toContain("hunter2");
  });
});

describe("a path that is not served", () => {
  it.each([
    ["POST", "/v1/entry-points/info", 404],
    ["POST", "/v1/entry-points/constructor", 404],
    ["POST", "/v1/actions/a%2Fb", 404],
    ["GET", "/", 404],
    ["GET", "/v1/guests/nobody", 404],
    ["GET", "/v1/guests/%ff", 404],
    ["GET", "/v1/entry-points/monitor", 405],
    ["POST", "/v1/guests", 405],
    ["DELETE", "/v1/events", 405],
  ])("is refused: %s %s with %i", async (method, path, status) => {
    server = await startTestServer();

    const answer = await ask(server.socket, method, path);

    expect(answer.status).toBe(status);
    expect(answer.body).toMatch(/^[^\n]+\n$/);
    expect(server.requests).toEqual([]);
  });
});

describe("the limits", () => {
  it("take a body of exactly the size allowed and refuse one byte more", async () => {
    server = await startTestServer();
    const largest = `${"x".repeat(1_048_575)}\0`;

    const taken = await ask(server.socket, "POST", "/v1/entry-points/online", largest);
    const refused = await ask(server.socket, "POST", "/v1/entry-points/online", `x${largest}`);

    expect(taken.status).toBe(200);
    expect(refused.status).toBe(413);
    expect(refused.body).toContain("1048576 bytes");
  });

  it("refuse a body over the size before it is sent, when the client asks first", async () => {
    server = await startTestServer();

    const answer = await askRaw(
      server.socket,
      "POST /v1/entry-points/online HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2000000\r\n\r\n",
    );

    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  it("give leave to send a body within the size, when the client asks first", async () => {
    server = await startTestServer();
    const head = "POST /v1/entry-points/online HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";

    const answer = await askRaw(server.socket, `${head}Expect: 100-continue\r\nContent-Length: 2\r\n\r\nv\0`);

    expect(answer).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/);
    expect(server.requests).toMatchObject([{ args: ["v"] }]);
  });

  it("refuse a request when too many run, and take one again when they ended", async () => {
    server = await startTestServer({ limits: { ...DEFAULT_LIMITS, requestsAtOnce: 2 } });
    const held = new HeldReplies();
    server.reply = held.reply;
    const running = [1, 2].map(() => ask(server.socket, "POST", "/v1/entry-points/monitor", "vmres\0"));
    await vi.waitFor(() => expect(server.requests).toHaveLength(2), WAIT);

    const refused = await ask(server.socket, "POST", "/v1/entry-points/monitor", "vmres\0");
    held.release({ exitCode: 100, output: "" });
    await Promise.all(running);

    expect(refused.status).toBe(503);
    expect(refused.body).toContain("2 requests");
    server.reply = () => Promise.resolve({ exitCode: 100, output: "" });
    await vi.waitFor(async () => {
      const next = await ask(server.socket, "POST", "/v1/entry-points/monitor", "vmres\0");
      expect(next.status).toBe(200);
    }, WAIT);
  });

  it.each([
    ["body", "POST /v1/entry-points/online HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nvm"],
    ["head", "POST /v1/entry-points/online HTTP/1.1\r\nHo"],
  ])("end a request whose %s does not come", async (_part, bytes) => {
    server = await startTestServer({ limits: { ...DEFAULT_LIMITS, readRequestMs: 300 } });

    const answer = await askRaw(server.socket, bytes);

    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(answer).toMatch(/300 ms/);
    expect(server.requests).toEqual([]);
  });

  it("do not end a request that is whole, however long its answer takes", async () => {
    server = await startTestServer({ limits: { ...DEFAULT_LIMITS, readRequestMs: 100 } });
    server.reply = () =>
      new Promise((resolve) => setTimeout(() => resolve({ exitCode: 0, output: "" }), 600));

    const answer = await ask(server.socket, "POST", "/v1/entry-points/online", "vmres\0");

    expect(answer.status).toBe(200);
  });

  it("drop connections over their number", async () => {
    server = await startTestServer({ limits: { ...DEFAULT_LIMITS, connections: 1 } });
    const first = connect(server.socket);
    await once(first, "connect");

    const answer = await askRaw(server.socket, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").catch(() => "");

    expect(answer).toBe("");
    first.destroy();
  });

  it("refuse what is no HTTP, and a head that is too long", async () => {
    server = await startTestServer();

    expect(await askRaw(server.socket, "monitor vmres\r\n\r\n")).toMatch(/^HTTP\/1\.1 400 /);
    expect(
      await askRaw(server.socket, `GET /healthz HTTP/1.1\r\nHost: x\r\nX: ${"x".repeat(40_000)}\r\n\r\n`),
    ).toMatch(/^HTTP\/1\.1 431 /);
    expect((await ask(server.socket, "GET", "/healthz")).status).toBe(200);
  });
});

describe("a client that goes away", () => {
  it("aborts its request, and the next one is served", async () => {
    server = await startTestServer();
    server.reply = untilAborted;
    const client = connect(server.socket);
    client.write("POST /v1/entry-points/online HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nv\0");
    await vi.waitFor(() => expect(server.requests).toHaveLength(1), WAIT);

    client.destroy();

    await vi.waitFor(() => {
      expect(server.requests[0]?.signal.reason).toMatchObject({ code: "CLIENT_GONE" });
    }, WAIT);
    server.reply = () => Promise.resolve({ exitCode: 0, output: "" });
    expect((await ask(server.socket, "POST", "/v1/entry-points/online", "v\0")).status).toBe(200);
  });

  it("does not abort a request that was answered", async () => {
    server = await startTestServer();

    await ask(server.socket, "POST", "/v1/entry-points/online", "v\0");

    expect(server.requests[0]?.signal.aborted).toBe(false);
  });
});

describe("stop", () => {
  it("lets a running request end, refuses new connections and removes the socket", async () => {
    server = await startTestServer();
    const held = new HeldReplies();
    server.reply = held.reply;
    const running = ask(server.socket, "POST", "/v1/entry-points/monitor", "vmres\0");
    await vi.waitFor(() => expect(server.requests).toHaveLength(1), WAIT);

    const stopped = server.stop(60_000);
    await expect(ask(server.socket, "GET", "/healthz")).rejects.toMatchObject({ code: "ECONNREFUSED" });
    held.release({ exitCode: 100, output: "" });

    expect(await running).toMatchObject({ status: 200, body: "100\n" });
    await stopped;
    await expect(lstat(server.socket)).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("aborts at the deadline what still runs, and still gives its answer", async () => {
    server = await startTestServer();
    server.reply = async (request) => {
      await untilAborted(request).catch(() => {}); // the abort is what the handler waits for
      return { exitCode: 99, output: "" };
    };
    const running = ask(server.socket, "POST", "/v1/entry-points/monitor", "vmres\0");
    await vi.waitFor(() => expect(server.requests).toHaveLength(1), WAIT);

    await server.stop(50);

    expect(await running).toMatchObject({ status: 200, body: "99\n" });
    expect(server.requests[0]?.signal.reason).toMatchObject({ code: "STOPPING" });
  });

  it("cuts off a handler that does not listen to the abort", async () => {
    server = await startTestServer();
    server.reply = () => new Promise(() => {});
    const running = ask(server.socket, "POST", "/v1/entry-points/monitor", "vmres\0").catch(() => "cut");
    await vi.waitFor(() => expect(server.requests).toHaveLength(1), WAIT);

    await server.stop(0);

    expect(await running).toBe("cut");
  });

  it("follows the signal that the server was started with", async () => {
    server = await startTestServer();

    server.abort();

    await vi.waitFor(async () => {
      await expect(lstat(server.socket)).rejects.toMatchObject({ code: "ENOENT" });
    }, WAIT);
  });
});
