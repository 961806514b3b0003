import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { type DaemonProcess, DaemonProgram } from "../support/ipc/daemon-process.ts";
import { ask } from "../support/ipc/http-client.ts";
import { clientsAt } from "../support/ipc/processes.ts";
import { AgentDirectory, SHELLS } from "../support/ipc/shim.ts";
import { makeFolder } from "../support/ipc/test-server.ts";

let program: DaemonProgram;
let folder: string;
let socket: string;
let agent: AgentDirectory;
const daemons: DaemonProcess[] = [];

beforeAll(async () => {
  program = await DaemonProgram.compile();
});

beforeEach(async () => {
  folder = await makeFolder();
  socket = join(folder, "agent.sock");
  agent = await AgentDirectory.make(folder, socket);
});

afterEach(async () => {
  await Promise.all(daemons.splice(0).map((daemon) => daemon.end("SIGKILL")));
  await rm(folder, { recursive: true, force: true });
});

afterAll(async () => {
  await program.remove();
});

function start(): DaemonProcess {
  const daemon = program.start(socket);
  daemons.push(daemon);
  return daemon;
}

async function startListening(): Promise<DaemonProcess> {
  const daemon = start();
  await daemon.says("listening");
  return daemon;
}

describe("two daemons", () => {
  it("never serve one socket", async () => {
    const contenders = [start(), start(), start(), start()];
    await vi.waitUntil(() => contenders.every(({ lines }) => lines.length > 0), { timeout: 60_000 });

    const words = contenders
      .map(({ lines }) => lines[0] ?? "")
      .toSorted((one, other) => one.localeCompare(other));

    expect(words).toEqual(["listening", ...Array.from({ length: 3 }, () => "refused SOCKET_IN_USE")]);
    expect((await ask(socket, "GET", "/healthz")).status).toBe(200);
  });

  it("do not meet when the first is stopped (SIGSTOP)", async () => {
    const first = await startListening();
    await first.freeze();

    const second = start();

    await second.says("refused SOCKET_IN_USE");
    expect(second.lines).toEqual(["refused SOCKET_IN_USE"]);
  });

  it("follow each other at once when the first is killed: its socket is replaced", async () => {
    const first = await startListening();
    await first.end("SIGKILL");

    await startListening();

    expect((await ask(socket, "GET", "/healthz")).status).toBe(200);
  });

  it("follow each other when the first ends in good order", async () => {
    const first = await startListening();
    await first.end("SIGTERM");

    await startListening();

    expect((await ask(socket, "GET", "/healthz")).status).toBe(200);
  });
});

/** A shim has begun to ask at the socket. */
async function isAsking(): Promise<boolean> {
  return (await clientsAt(socket)).length > 0;
}

describe("a shim", () => {
  const SCRIPTS = ["monitor", "clean", "online", "actions/DevScan"];
  const FALLBACKS = SHELLS.flatMap(() => [99, 1, 0, 1]);

  it("ends before the framework's timeout when the daemon is stopped (SIGSTOP)", async () => {
    const daemon = await startListening();
    await daemon.freeze();

    const runs = SHELLS.flatMap(([, shell]) => SCRIPTS.map((script) => ({ shell, script })));
    const results = await agent.runInTurn(runs, ["vmres", "AEPTimeout", "1", "8"]);

    expect(results.map(({ exitCode }) => exitCode)).toEqual(FALLBACKS);
    for (const { ms } of results) expect(ms).toBeLessThan(8_000);
    expect(await agent.log()).toContain("KVMGuest:vmres:clean:no answer from");
  });

  it("gets its answer when the daemon is continued in time", async () => {
    const daemon = await startListening();
    await daemon.freeze();
    const { result } = agent.start(["dash"], "monitor", ["vmres"]);
    await vi.waitUntil(isAsking, { timeout: 60_000 });

    daemon.signal("SIGCONT");

    expect((await result).exitCode).toBe(110);
  });

  it.each(SHELLS)("ends at once when the daemon dies at its request, under %s", async (_name, shell) => {
    for (const script of SCRIPTS) {
      const daemon = await startListening();
      const { exitCode } = await agent.run(shell, script, ["die"]);
      await daemon.end("SIGKILL");
      expect([script, exitCode]).toEqual([script, { monitor: 99, online: 0 }[script] ?? 1]);
    }
    expect(await agent.log()).toContain(
      "KVMGuest:die:clean:vcskvmguestd ended before its answer was complete",
    );
  });

  it("ends at once when the daemon dies while many wait", async () => {
    const daemon = await startListening();
    const runs = SHELLS.flatMap(([, shell]) => SCRIPTS.map((script) => agent.run(shell, script, ["hang"])));
    await vi.waitUntil(() => daemon.lines.filter((line) => line.startsWith("asked")).length === runs.length, {
      timeout: 60_000,
    });

    await daemon.end("SIGKILL");

    expect((await Promise.all(runs)).map(({ exitCode }) => exitCode)).toEqual(FALLBACKS);
  });

  it.each(SHELLS)(
    "that is killed alone is noticed, and the next is served, under %s",
    async (_name, shell) => {
      const daemon = await startListening();
      const { child, result } = agent.start(shell, "online", ["hang"]);
      await daemon.says("asked online");

      child.kill("SIGKILL"); // not its curl, which would wait for 285 s

      await daemon.says("aborted CLIENT_GONE");
      expect((await agent.run(shell, "monitor", ["vmres"])).exitCode).toBe(110);
      await vi.waitUntil(async () => !(await isAsking()), { timeout: 60_000 });
      expect((await result).signal).toBe("SIGKILL");
    },
  );

  it.each(SHELLS)("that is killed with its group is noticed, under %s", async (_name, shell) => {
    const daemon = await startListening();
    const { child } = agent.start(shell, "online", ["hang"]);
    await daemon.says("asked online");

    process.kill(-(child.pid ?? Number.NaN), "SIGKILL");

    await daemon.says("aborted CLIENT_GONE");
    expect(daemon.lines).toEqual(["listening", "asked online", "aborted CLIENT_GONE"]);
  });
});
