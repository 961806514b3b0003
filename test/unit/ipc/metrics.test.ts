import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { serveMetrics } from "../../../ipc/metrics-port.ts";
import { ask } from "../../support/ipc/http-client.ts";
import { RecordingLog } from "../../support/ipc/recording-log.ts";
import { startTestServer, type TestServer } from "../../support/ipc/test-server.ts";
import { freeLoopbackAddress } from "../../support/metrics/free-address.ts";

const WAIT = { timeout: 20_000 };
const TEXT = { type: "text/plain; version=0.0.4; charset=utf-8", body: "up 1\n" };
vi.setConfig({ testTimeout: 60_000 });

/** Connections to a socket that its server has not closed. Source: proc(5), /proc/net/unix: state 03 is connected. */
async function accepted(socket: string): Promise<number> {
  const lines = (await readFile("/proc/net/unix", "utf8")).split("\n");
  return lines.filter((line) => line.endsWith(` ${socket}~`) && line.split(" ")[5] === "03").length;
}

describe("GET /metrics", () => {
  let server: TestServer;

  beforeEach(async () => {
    server = await startTestServer();
  });

  afterEach(() => server.remove());

  it("answers with the metrics and their type", async () => {
    const answer = await ask(server.socket, "GET", "/metrics");

    expect(answer).toMatchObject({ status: 200, body: "up 1\n", headers: { "content-type": TEXT.type } });
  });

  it("answers 500 when they cannot be collected, and says why in the log alone", async () => {
    server.views.failure = new Error("a defect with Password=secret");

    const answer = await ask(server.socket, "GET", "/metrics");

    expect(answer.status).toBe(500);
    expect(answer.body).not.toContain("secret");
    expect(server.log.messages()).toContain("metrics cannot be collected");
  });

  it("is refused with another method", async () => {
    expect(await ask(server.socket, "POST", "/metrics")).toMatchObject({ status: 405 });
  });

  it("cuts a reader that takes nothing, and serves others meanwhile", async () => {
    server.views.metricsBody = "x".repeat(8_000_000);
    const hung = connect(server.socket);
    hung.pause();
    hung.write("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    await vi.waitFor(async () => expect(await accepted(server.socket)).toBe(1), WAIT);

    expect(await ask(server.socket, "GET", "/healthz")).toMatchObject({ status: 200 });
    await vi.waitFor(async () => expect(await accepted(server.socket)).toBe(0), WAIT);
    hung.destroy();
  });
});

describe("the port for metrics", () => {
  const log = new RecordingLog();
  let ending: AbortController;
  let serving: Promise<void>;
  let address: { host: string; port: number };

  beforeEach(async () => {
    ending = new AbortController();
    address = freeLoopbackAddress();
    log.entries.length = 0;
  });

  afterEach(async () => {
    ending.abort();
    await serving;
  });

  function serve(): void {
    serving = serveMetrics({ address, metrics: () => Promise.resolve(TEXT), log }, ending.signal);
  }

  function get(path: string, method = "GET"): Promise<Response> {
    return fetch(`http://${address.host}:${address.port}${path}`, { method });
  }

  it("serves them to GET, and nothing else", async () => {
    serve();
    await vi.waitFor(() => expect(log.messages()).toEqual(["metrics are served"]), WAIT);
    const answer = await get("/metrics");

    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, TEXT.type]);
    expect(await answer.text()).toBe("up 1\n");
    for (const path of ["/", "/v1/guests", "/v1/events", "/healthz"])
      expect((await get(path)).status).toBe(404);
    expect((await get("/metrics", "POST")).status).toBe(405);
    expect((await get("/v1/entry-points/clean", "POST")).status).toBe(404);
  });

  it("takes few connections, and ends those that say nothing", async () => {
    serve();
    await vi.waitFor(() => expect(log.messages()).toEqual(["metrics are served"]), WAIT);
    const idle: Socket[] = [];
    const closed = Array.from({ length: 20 }, () => {
      const socket = connect(address.port, address.host);
      socket.on("error", () => undefined);
      idle.push(socket);
      return new Promise<void>((resolve) => {
        socket.once("close", () => resolve());
        socket.resume();
      });
    });
    await Promise.all(closed);

    expect((await get("/metrics")).status).toBe(200);
  });

  it("is said to be taken once, and is served when it is free", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const other = createServer().listen(address.port, address.host);
    await once(other, "listening");
    serve();
    await vi.waitFor(() => expect(log.messages()).toEqual(["metrics cannot be served on their port"]), WAIT);
    other.close();
    await once(other, "close");
    await vi.waitFor(() => {
      vi.advanceTimersByTime(30_000);
      expect(log.messages()).toEqual(["metrics cannot be served on their port", "metrics are served again"]);
    }, WAIT);
    vi.useRealTimers();

    expect((await get("/metrics")).status).toBe(200);
  });
});
