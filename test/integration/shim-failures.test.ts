import { readFile, rm, writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { LEGAL_EXIT_CODES } from "../support/ipc/exit-codes.ts";
import { okAnswer, RawServer } from "../support/ipc/raw-server.ts";
import { AgentDirectory, SCRIPTS, SHELLS } from "../support/ipc/shim.ts";
import { leaveStaleSocket } from "../support/ipc/stale-socket.ts";
import { makeFolder, startTestServer, type TestServer } from "../support/ipc/test-server.ts";

/** What each script exits with when nobody gives a usable answer. Source: the agent framework's contract. */
const FALLBACK: Record<string, number> = {
  monitor: 99,
  clean: 1,
  "actions/DevScan": 1,
  "actions/guestmigrated": 1,
  "actions/vmconfigsync": 1,
};

let home: TestServer;
let folder: string;
let socket: string;
let agent: AgentDirectory;
let raw: RawServer | undefined;

beforeAll(async () => {
  home = await startTestServer();
});

beforeEach(async () => {
  folder = await makeFolder();
  socket = join(folder, "agent.sock");
  agent = await AgentDirectory.make(folder, socket);
});

afterEach(async () => {
  await raw?.close();
  raw = undefined;
  await rm(folder, { recursive: true, force: true });
});

afterAll(async () => {
  await home.remove();
});

async function serve(answer: (socket: Socket) => void): Promise<void> {
  raw = await RawServer.listen(socket, answer);
}

/** Sends a good answer so slowly that it is never whole. */
function trickle(client: Socket): void {
  const timer = setInterval(() => client.write("x"), 200);
  client.once("close", () => clearInterval(timer));
  client.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n110\n");
}

async function readIfThere(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => ""); // not written yet
}

describe.each(SHELLS)("the shim under %s", (_name, shell) => {
  it.each(SCRIPTS)("gives the fallback of %s when there is no daemon", async (script) => {
    const result = await agent.run(shell, script, ["vmres", "AEPTimeout", "1", "4"]);

    expect(result.exitCode).toBe(FALLBACK[script] ?? 0);
    expect(result.ms).toBeLessThan(4_000);
    const name = script.replace("actions/", "");
    expect(await agent.log()).toContain(`VCS ERROR KVMGuest:vmres:${name}:nobody answers at ${socket}`);
    expect(result.stderr).toBe("");
    expect(result.stdout === "").toBe(!script.startsWith("actions/"));
  });

  it("says that the socket is stale", async () => {
    await leaveStaleSocket(socket);

    const { exitCode } = await agent.run(shell, "monitor", ["vmres"]);

    expect(exitCode).toBe(99);
    expect(await agent.log()).toContain("its daemon is gone");
  });

  it.each([
    ["before its answer", "", "ended before its answer was complete"],
    ["in the head", "HTTP/1.1 200 OK\r\nContent-Le", /is cut off|was complete/], // no mistake to curl
    [
      "in the body",
      "HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n0\n",
      "ended before its answer was complete",
    ],
    ["in a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n0\n\r\n", "was complete"],
  ])("takes a daemon that ends %s for no answer", async (_when, bytes, reason) => {
    await serve((client) => client.end(bytes));

    const cleaned = await agent.run(shell, "clean", ["vmres"]);
    const monitored = await agent.run(shell, "monitor", ["vmres"]);

    expect(cleaned.exitCode).toBe(1);
    expect(monitored.exitCode).toBe(99);
    expect(await agent.log()).toMatch(reason);
  });

  it.each([
    ["an exit code without its line's end", okAnswer("11"), "cut off"],
    ["an empty body", okAnswer(""), "cut off"],
    ["a word", okAnswer("ONLINE\n"), "no exit code of monitor"],
    ["an empty line", okAnswer("\n110\n"), "no exit code of monitor"],
    ["a refusal", "HTTP/1.1 503 x\r\nContent-Length: 9\r\n\r\ntoo many\n", "(HTTP 503): too many"],
    ["another success", "HTTP/1.1 202 x\r\nContent-Length: 4\r\n\r\n110\n", "(HTTP 202): 110"],
    ["no HTTP", "110\n", "cannot ask"],
  ])("takes %s for no answer", async (_what, bytes, reason) => {
    await serve((client) => client.end(bytes));

    const result = await agent.run(shell, "monitor", ["vmres"]);

    expect(result).toMatchObject({ exitCode: 99, stdout: "", stderr: "" });
    expect(await agent.log()).toContain(reason);
  });

  it("lets no exit code out that the framework does not know for the entry point", async () => {
    let code = "";
    await serve((client) => client.end(okAnswer(`${code}\n`)));
    for (const { kind, codes } of LEGAL_EXIT_CODES) {
      const script = kind === "action" ? "actions/DevScan" : kind;
      for (code of ["0", "1", "50", "98", "99", "110", "111", "200", "255", "256", "00", "-1", "1 "]) {
        const { exitCode } = await agent.run(shell, script, ["vmres"]);
        const legal = codes.some((known) => String(known) === code);
        expect([kind, code, exitCode]).toEqual([kind, code, legal ? Number(code) : (FALLBACK[script] ?? 0)]);
      }
    }
  });

  it("takes no beginning of a good answer for the answer", async () => {
    const whole = okAnswer("110\n");
    let length = 0;
    await serve((client) => client.end(whole.slice(0, length)));

    const exitCodes: (number | null)[] = [];
    for (length = 0; length <= whole.length; length += 1) {
      exitCodes.push((await agent.run(shell, "monitor", ["vmres"])).exitCode);
    }

    expect(exitCodes).toEqual([...Array.from({ length: whole.length }, () => 99), 110]);
  });

  it("shows the refusal of too large a request", async () => {
    const values = Array.from({ length: 12 }, () => "x".repeat(100_000));

    const result = await agent.run(shell, "monitor", ["vmres", ...values], {
      VCSKVMGUESTD_SOCKET: home.socket,
    });

    expect(result.exitCode).toBe(99);
    expect(await agent.log()).toContain("(HTTP 413): the arguments have more than 1048576 bytes");
  });

  it("shows the refusal of arguments that are no UTF-8", async () => {
    const script = join(folder, "latin1");
    await writeFile(script, Buffer.from(`exec "$@" 'f\xfcr'\n`, "latin1"));

    const { exitCode } = await agent.run(["dash", script, ...shell], "monitor", ["vmres"], {
      VCSKVMGUESTD_SOCKET: home.socket,
    });

    expect(exitCode).toBe(99);
    expect(await agent.log()).toContain("(HTTP 400): an argument is not UTF-8");
  });
});

describe("the shim's deadline", () => {
  it.each([
    ["never comes", () => {}],
    ["comes byte by byte", trickle],
  ])("is before the framework's timeout when the answer %s", async (_when, answer) => {
    await serve(answer);
    const scripts = ["monitor", "clean", "online", "actions/DevScan"];

    const runs = SHELLS.flatMap(([, shell]) => scripts.map((script) => ({ shell, script })));
    const results = await agent.runInTurn(runs, ["vmres", "AEPTimeout", "1", "8"]);

    expect(results.map(({ exitCode }) => exitCode)).toEqual(SHELLS.flatMap(() => [99, 1, 0, 1]));
    for (const { ms } of results) {
      expect(ms).toBeGreaterThan(6_500);
      expect(ms).toBeLessThan(8_000);
    }
    expect(await agent.log()).toContain("KVMGuest:vmres:monitor:no answer from");
  });
});

describe.each(SHELLS)("open under %s", (_name, shell) => {
  it("starts the daemon when nobody answers and waits for it", async () => {
    const started = join(folder, "started");
    const begun = agent.start(shell, "open", ["vmres"], { VCSKVMGUESTD_START: `echo $# >>${started}` });
    await expect.poll(() => readIfThere(started), { timeout: 30_000 }).toBe("0\n");
    let asked = 0;
    await serve((client) => {
      asked += 1;
      client.end(okAnswer("0\n"));
    });

    const { exitCode, ms } = await begun.result;

    expect(exitCode).toBe(0);
    expect(asked).toBe(1);
    expect(ms).toBeLessThan(57_000);
    expect(await agent.log()).toContain("VCS NOTICE KVMGuest:vmres:open:nobody answers");
    expect(await agent.log()).not.toContain("VCS ERROR");
    expect(await readIfThere(started)).toBe("0\n");
  });

  it("ends before its timeout, with 0, when the daemon does not come", async () => {
    const { exitCode, ms } = await agent.run(shell, "open", ["vmres", "AEPTimeout", "1", "4"], {
      VCSKVMGUESTD_START: "sleep 60.25",
    });

    expect(exitCode).toBe(0);
    expect(ms).toBeGreaterThan(2_500);
    expect(ms).toBeLessThan(4_000);
    expect(await agent.log()).toContain("VCS ERROR KVMGuest:vmres:open:nobody answers");
  });

  it("starts nothing when the daemon answers", async () => {
    const started = join(folder, "started");

    await agent.run(shell, "open", ["vmres"], {
      VCSKVMGUESTD_SOCKET: home.socket,
      VCSKVMGUESTD_START: `echo >${started}`,
    });

    expect(await readIfThere(started)).toBe("");
  });
});
