import { spawnSync } from "node:child_process";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { COMMANDS } from "../../../daemon/kvmguestctl/commands.ts";
import { bashCompletion } from "../../../daemon/kvmguestctl/completion.ts";
import { runProgram } from "../../../daemon/kvmguestctl/program.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";
import { ViewHost } from "../../support/fakes/view-host.ts";
import { RecordingTerminal } from "../../support/ipc/recording-terminal.ts";
import { makeFolder, TestServer } from "../../support/ipc/test-server.ts";

const WAIT = { timeout: 20_000 };
let host: ViewHost;
let server: TestServer;
let stop: AbortController;

beforeEach(async () => {
  host = new ViewHost();
  stop = new AbortController();
  host.book.open("vm1", attributesOfGuest("web1"));
  server = new TestServer(await makeFolder());
  await server.start({ views: host.views });
});

afterEach(() => server.remove());

/** Runs a command against the product's server and views. */
function run(
  argv: readonly string[],
  terminal = new RecordingTerminal(),
): { readonly terminal: RecordingTerminal; readonly code: Promise<number> } {
  const env = { VCSKVMGUESTD_SOCKET: server.socket };
  return { terminal, code: runProgram(argv, { env, terminal, signal: stop.signal }) };
}

describe("events --follow", () => {
  it("shows what happened and what happens, each once, of the chosen guests", async () => {
    host.log.info({ guest: "web1", count: 1 }, "before");
    const { terminal, code } = run(["events", "--follow", "--json", "vm1"]);
    await vi.waitFor(() => expect(terminal.printed).toHaveLength(1), WAIT);
    host.log.info({ guest: "web2" }, "of another guest");
    host.log.info({ resource: "vm1" }, "after");
    await vi.waitFor(() => expect(terminal.printed).toHaveLength(2), WAIT);
    stop.abort(new Error("SIGINT"));

    expect(await code).toBe(0);
    expect(terminal.printed.map((line): unknown => JSON.parse(line))).toMatchObject([
      { what: "before" },
      { what: "after" },
    ]);
  });

  it("ends with the daemon", async () => {
    host.log.info({}, "something");
    const { terminal, code } = run(["events", "-f"]);
    await vi.waitFor(() => expect(terminal.printed).toHaveLength(1), WAIT);
    await server.stop();

    expect(await code).toBe(3);
    expect(terminal.complaints).toEqual(["vcskvmguestd has ended: systemctl status vcskvmguestd"]);
  });
});

describe("watch", () => {
  it("prints again only what has changed, where nobody sees a redrawn screen", async () => {
    const { terminal, code } = run(["watch", "--interval", "0.1"]);
    await vi.waitFor(() => expect(terminal.printed).toHaveLength(1), WAIT);
    host.book.open("vm2", attributesOfGuest("web2"));
    await vi.waitFor(() => expect(terminal.printed).toHaveLength(2), WAIT);
    stop.abort(new Error("SIGINT"));

    expect(await code).toBe(0);
    expect(terminal.printed[1]).toContain("vm2");
  });

  it("draws the screen anew on a terminal", async () => {
    const { terminal, code } = run(["watch", "--interval", "0.1"], new RecordingTerminal(true));
    await vi.waitFor(() => expect(terminal.printed.length).toBeGreaterThan(1), WAIT);
    stop.abort(new Error("SIGINT"));

    expect(await code).toBe(0);
    expect(terminal.printed[0]?.startsWith("\u001b[H\u001b[J")).toBe(true);
    expect(terminal.printed[0]).toContain("kvmguestctl watch, Ctrl-C ends it");
  });

  it("waits for a daemon that goes away, and says so once", async () => {
    const { terminal, code } = run(["watch", "--interval", "0.1"]);
    await vi.waitFor(() => expect(terminal.printed).toHaveLength(1), WAIT);
    await server.stop();
    await vi.waitFor(() => expect(terminal.complaints).toHaveLength(1), WAIT);
    await server.start({ views: host.views });
    await vi.waitFor(() => expect(terminal.printed).toHaveLength(2), WAIT);
    stop.abort(new Error("SIGINT"));

    expect(await code).toBe(0);
    expect(terminal.complaints[0]).toMatch(/; waiting for it$/);
  });
});

describe("a command that ends by itself", () => {
  it("says that it was interrupted, and that the daemon was not", async () => {
    server.reply = () => new Promise(() => undefined);
    const { terminal, code } = run(["entry-point", "online", "vm1"]);
    await vi.waitFor(() => expect(server.requests).toHaveLength(1), WAIT);
    stop.abort(new Error("SIGINT"));

    expect(await code).toBe(1);
    expect(terminal.complaints).toEqual(["interrupted; what was begun with the daemon goes on there"]);
  });
});

describe("entry-point", () => {
  it("passes the attributes that the daemon keeps where only the resource is named, as an operator", async () => {
    server.reply = () => Promise.resolve({ exitCode: 110, output: "" });
    const { terminal, code } = run(["entry-point", "monitor", "vm1"]);

    expect(await code).toBe(0);
    expect(terminal.printed).toEqual(["monitor: exit code 110: ONLINE, confidence 100"]);
    expect(server.requests[0]?.args.slice(0, 4)).toEqual(["vm1", "GuestName", "1", "web1"]);
    expect(server.requests[0]?.isByHand).toBe(true);
  });

  it("prints what an action says", async () => {
    server.reply = () => Promise.resolve({ exitCode: 1, output: "no scan was asked for\n" });
    const { terminal, code } = run(["entry-point", "action/DevScan", "vm1", "--json"]);

    expect(await code).toBe(0);
    expect(JSON.parse(terminal.out)).toEqual({
      entryPoint: "DevScan",
      exitCode: 1,
      meaning: "failed",
      output: "no scan was asked for\n",
    });
  });

  it("does nothing for a resource that is not open here and comes without attributes", async () => {
    const { terminal, code } = run(["entry-point", "clean", "vm9"]);

    expect(await code).toBe(6);
    expect(terminal.complaints[0]).toMatch(/^resource vm9 is not open here: pass its attributes as well/);
    expect(server.requests).toEqual([]);
  });

  it("takes --dry-run wherever it stands: only what follows -- is an argument", async () => {
    const args = ["GuestName", "1", "web1"];
    await run(["entry-point", "clean", "vm1", ...args, "--dry-run"]).code;
    await run(["entry-point", "-n", "clean", "--", "vm1", ...args, "--json"]).code;

    expect(server.requests).toEqual([]);
    expect(server.controls.dryRuns.map(({ args }) => args.length)).toEqual([4, 5]);
  });
});

describe("the completion for bash", () => {
  it("is a script that bash takes, with every command", () => {
    const script = bashCompletion(COMMANDS);
    const { status, stderr } = spawnSync("bash", ["-n"], { input: script, encoding: "utf8" });

    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    for (const { name } of COMMANDS) expect(script).toContain(name);
  });

  it.each([
    ["kvmguestctl ev", "events"],
    ["kvmguestctl events --fo", "--follow"],
    ["kvmguestctl log-level de", "debug"],
    ["kvmguestctl --socket /x completion z", "zsh"],
    ["kvmguestctl entry-point mon", "monitor"],
  ])("completes %s with %s", (line, word) => {
    const words = line.split(" ");
    const script = `${bashCompletion(COMMANDS)}
COMP_WORDS=(${words.join(" ")}); COMP_CWORD=${words.length - 1}; _kvmguestctl; echo "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = spawnSync("bash", ["--norc"], { input: script, encoding: "utf8" });

    expect({ stdout, stderr }).toEqual({ stdout: `${word}\n`, stderr: "" });
  });
});
