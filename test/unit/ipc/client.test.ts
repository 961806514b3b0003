import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { askDaemon, followDaemon } from "../../../ipc/client.ts";
import { makeFolder, startTestServer, type TestServer } from "../../support/ipc/test-server.ts";
import { containing } from "../../support/matching.ts";

const never = new AbortController().signal;
const GET = { method: "GET", path: "/healthz" } as const;
let folder: string;
let server: TestServer | undefined;
let raw: Server | undefined;
const sockets: Socket[] = [];

beforeEach(async () => {
  folder = await makeFolder();
});

afterEach(async () => {
  await server?.remove();
  server = undefined;
  for (const socket of sockets.splice(0)) socket.destroy();
  raw?.close();
  raw = undefined;
  await rm(folder, { recursive: true, force: true });
});

/** A server of any bytes; without them it is silent. */
async function serve(bytes: string | undefined): Promise<string> {
  const path = join(folder, "raw.sock");
  const made = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {}); // the client breaks it off
    if (bytes !== undefined) socket.end(bytes);
  });
  raw = made;
  await new Promise<void>((resolve) => made.listen(path, resolve));
  return path;
}

function asked(socket: string, limitMs = 20_000): Promise<string> {
  return askDaemon(GET, { socket, limitMs, signal: never });
}

describe("a question to the daemon", () => {
  it("returns the text of the answer", async () => {
    server = await startTestServer();

    expect(await asked(server.socket)).toBe('{"healthy":true}\n');
  });

  it("sends a body and headers with POST", async () => {
    server = await startTestServer();
    const request = {
      method: "POST",
      path: "/v1/entry-points/open",
      body: "vmres\0",
      headers: { "by-hand": "1" },
    } as const;

    expect(await askDaemon(request, { socket: server.socket, limitMs: 20_000, signal: never })).toBe("0\n");
    expect(server.requests).toMatchObject([{ name: "open", args: ["vmres"], isByHand: true }]);
  });

  it.each([
    ["/v1/nothing", "NOT_FOUND", "nothing is served under this path: see docs/protocol.md"],
    ["/v1/guests/nobody", "NOT_FOUND", "no such guest: GET /v1/guests lists them"],
    ["/v1/entry-points/clean", "REFUSED", "an entry point is run with POST"],
  ])("hands over the daemon's refusal of %s", async (path, code, message) => {
    server = await startTestServer();
    const { socket } = server;

    await expect(
      askDaemon({ method: "GET", path }, { socket, limitMs: 20_000, signal: never }),
    ).rejects.toMatchObject({ code, message });
  });

  it("says when there is no socket, or nobody behind it", async () => {
    const left = await serve("");
    raw?.close();
    raw = undefined;
    await symlink("/nowhere/agent.sock", join(folder, "link.sock"));

    await expect(asked(join(folder, "none.sock"))).rejects.toMatchObject({ code: "NO_DAEMON" });
    await expect(asked(join(folder, "link.sock"))).rejects.toMatchObject({ code: "NO_DAEMON" });
    await expect(asked(left)).rejects.toMatchObject({ code: "NO_DAEMON" });
  });

  it("says when the path cannot be a socket", async () => {
    await writeFile(join(folder, "file"), "");
    await mkdir(join(folder, "folder"));

    for (const path of ["", "a\0b", `/${"x".repeat(107)}`, join(folder, "file"), join(folder, "folder")])
      await expect(asked(path)).rejects.toMatchObject({ code: "SOCKET_PATH" });
    await expect(asked(join(folder, "file/deeper"))).rejects.toMatchObject({ code: "NO_DAEMON" });
  });

  it("gives a daemon up that does not answer in time", async () => {
    await expect(asked(await serve(undefined), 200)).rejects.toMatchObject({
      code: "NO_ANSWER",
      message: containing("within 0.2 s"),
    });
  });

  it.each([
    ["is cut off", "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhalf"],
    ["is no HTTP", "SSH-2.0-OpenSSH\r\n"],
    ["never begins", ""],
  ])("does not take an answer that %s", async (_how, bytes) => {
    await expect(asked(await serve(bytes))).rejects.toMatchObject({ code: "BAD_ANSWER" });
  });

  it("ends with the reason of the signal that gives it up", async () => {
    const stop = new AbortController();
    const socket = await serve(undefined);
    const answer = askDaemon(GET, { socket, limitMs: 20_000, signal: stop.signal });
    stop.abort(new Error("Ctrl-C"));

    await expect(answer).rejects.toThrow("Ctrl-C");
  });
});

describe("following the daemon", () => {
  it("hands over each line, until the daemon ends", async () => {
    server = await startTestServer();
    const { socket, views } = server;
    const lines: string[] = [];
    const onOpen = vi.fn<() => void>();
    const ended = followDaemon("/v1/events", { socket, limitMs: 20_000, signal: never }, onOpen, (line) => {
      lines.push(line);
    });
    await vi.waitFor(() => expect(views.listeners.size).toBe(1), { timeout: 20_000 });
    views.publish({ guest: "vm1" });
    views.publish({ guest: "größer" });
    await vi.waitFor(() => expect(lines).toHaveLength(2), { timeout: 20_000 });
    await server.stop();
    await ended;

    expect(onOpen).toHaveBeenCalledTimes(1);
    expect(lines).toEqual(['{"guest":"vm1"}', '{"guest":"größer"}']);
  });

  it("ends without an error when its signal aborts", async () => {
    server = await startTestServer();
    const stop = new AbortController();
    const { socket } = server;
    const onOpen = () => stop.abort(new Error("Ctrl-C"));

    await followDaemon("/v1/events", { socket, limitMs: 20_000, signal: stop.signal }, onOpen, () => {});

    expect(stop.signal.aborted).toBe(true);
  });

  it("tells refusals and silence as questions do", async () => {
    const socket = await serve(undefined);

    await expect(
      followDaemon(
        "/v1/events",
        { socket, limitMs: 200, signal: never },
        () => {},
        () => {},
      ),
    ).rejects.toMatchObject({ code: "NO_ANSWER" });
  });
});
