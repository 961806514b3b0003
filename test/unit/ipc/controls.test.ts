import { join } from "node:path";
import { getgid } from "node:process";
import { afterEach, describe, expect, it } from "vitest";
import { ask } from "../../support/ipc/http-client.ts";
import { makeFolder, startTestServer, TestServer } from "../../support/ipc/test-server.ts";

let server: TestServer;

afterEach(async () => {
  await server.remove();
});

describe("the log level", () => {
  it("is shown with GET and changed with POST", async () => {
    server = await startTestServer();

    expect(await ask(server.socket, "GET", "/v1/log-level")).toMatchObject({
      status: 200,
      body: '{"level":"info","before":"info"}\n',
    });
    expect(await ask(server.socket, "POST", "/v1/log-level", "debug\n")).toMatchObject({
      status: 200,
      body: '{"level":"debug","before":"info"}\n',
    });
    expect(server.controls.level).toBe("debug");
  });

  it("is refused where it is none, and in any other way", async () => {
    server = await startTestServer();

    expect((await ask(server.socket, "POST", "/v1/log-level", "loud")).status).toBe(400);
    expect((await ask(server.socket, "DELETE", "/v1/log-level")).status).toBe(405);
    expect(server.controls.level).toBe("info");
  });
});

describe("a dry run", () => {
  it("gets the arguments as the entry point would, and runs none", async () => {
    server = await startTestServer();

    const entryPoint = await ask(server.socket, "POST", "/v1/dry-run/entry-points/clean", "vmres\x004\x00");
    const action = await ask(server.socket, "POST", "/v1/dry-run/actions/DevScan", "vmres\0");

    expect([entryPoint.body, action.body]).toEqual(['{"steps":["nothing"]}\n', '{"steps":["nothing"]}\n']);
    expect(server.controls.dryRuns).toMatchObject([
      { kind: "entry-point", name: "clean", args: ["vmres", "4"] },
      { kind: "action", name: "DevScan", args: ["vmres"] },
    ]);
    expect(server.requests).toEqual([]);
  });

  it("is refused for what is no entry point, and for broken arguments", async () => {
    server = await startTestServer();

    expect((await ask(server.socket, "POST", "/v1/dry-run/entry-points/start", "r\0")).status).toBe(404);
    expect((await ask(server.socket, "POST", "/v1/dry-run/entry-points/clean", "r")).status).toBe(400);
    expect((await ask(server.socket, "GET", "/v1/dry-run/entry-points/clean")).status).toBe(405);
    expect(server.controls.dryRuns).toEqual([]);
  });

  it("that fails costs only itself", async () => {
    server = await startTestServer();
    server.controls.dryRun = () => Promise.reject(new Error("a bug"));

    expect((await ask(server.socket, "POST", "/v1/dry-run/entry-points/clean", "r\0")).status).toBe(500);
    expect((await ask(server.socket, "GET", "/healthz")).status).toBe(200);
    expect(server.log.messages()).toContain("request of an operator failed");
  });
});

describe("the read-only socket", () => {
  it("shows the log level, and takes no other", async () => {
    server = new TestServer(await makeFolder());
    const path = join(server.folder, "read", "agent.sock");
    await server.start({ readOnlySocket: { path, gid: getgid?.() ?? 0 } });

    expect((await ask(path, "GET", "/v1/log-level")).status).toBe(200);
    expect((await ask(path, "POST", "/v1/log-level", "debug")).status).toBe(403);
    expect((await ask(path, "POST", "/v1/dry-run/entry-points/clean", "r\0")).status).toBe(403);
    expect(server.controls.level).toBe("info");
    expect(server.controls.dryRuns).toEqual([]);
  });
});
