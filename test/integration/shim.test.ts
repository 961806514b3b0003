import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { clientsAt, processesWith } from "../support/ipc/processes.ts";
import { AgentDirectory, SCRIPTS, SHELLS } from "../support/ipc/shim.ts";
import { HeldReplies, startTestServer, type TestServer } from "../support/ipc/test-server.ts";

const WAIT = { timeout: 60_000 };
let server: TestServer;
let agent: AgentDirectory;

beforeAll(async () => {
  server = await startTestServer();
  agent = await AgentDirectory.make(server.folder, server.socket);
});

afterEach(() => {
  server.requests.length = 0;
  server.reply = () => Promise.resolve({ exitCode: 0, output: "" });
});

afterAll(async () => {
  await server.remove();
});

/** The arguments of a monitor, by the order of the type's ArgList. */
const MONITOR_ARGS =
  "vmres GuestName 1 vm1 DelayAfterGuestOnline 1 5 CEInfo 6 Enabled 0 CESystem NONE FaultOnHBLoss 1".split(
    " ",
  );

describe.each(SHELLS)("the shim under %s", (_name, shell) => {
  it.each([
    ["no argument", []],
    ["one empty argument", [""]],
    ["empty arguments", ["vmres", "", "SyncDir", "1", "", ""]],
    ["blanks and tabs", ["vm res", " ", "\t", "  two  "]],
    ["quotes and dollars", [`'`, `"`, "`id`", "$HOME", "$(id)", "\\", "\\0", "%s", "*", "!"]],
    ["line feeds", ["a\nb", "\n", "\n\n", "c\n"]],
    ["UTF-8", ["Gäste-VM", "日本語", "🖥", "\u0301", "\ufeff"]],
    ["leading dashes", ["-n", "-e", "--", "--help", "-"]],
    ["what curl would read as a file", ["@/etc/passwd", "<", ">x", "|"]],
    ["425 values", ["vmres", ...Array.from({ length: 425 }, (_, index) => `value ${index}`)]],
    ["one very long value", ["x".repeat(120_000)]],
  ])("passes on %s", async (_what, args) => {
    const { exitCode } = await agent.run(shell, "online", args);

    expect(exitCode).toBe(0);
    expect(server.requests.map((request) => request.args)).toEqual([args]);
  });

  it("passes on whatever a process can get as arguments", async () => {
    const argument = fc.string({ unit: "grapheme" }).filter((text) => !text.includes("\0"));
    await fc.assert(
      fc.asyncProperty(fc.array(argument), async (args) => {
        server.requests.length = 0;
        await agent.run(shell, "online", args);
        expect(server.requests.map((request) => request.args)).toEqual([args]);
      }),
      { numRuns: 20 },
    );
  });

  it.each(SCRIPTS)("asks for %s by the name it was run under", async (script) => {
    const { exitCode } = await agent.run(shell, script, ["vmres"]);

    expect(exitCode).toBe(script === "monitor" ? 99 : 0); // 0 is no state: refused by the server
    const [kind, name] = script.startsWith("actions/")
      ? ["action", script.slice(8)]
      : ["entry-point", script];
    expect(server.requests).toMatchObject([{ kind, name, args: ["vmres"] }]);
  });

  it.each([
    ["monitor", 110],
    ["monitor", 200],
    ["clean", 1],
    ["online", 255],
    ["offline", 7],
    ["migrate", 100],
    ["actions/DevScan", 1],
  ])("lets %s exit with the daemon's %i", async (script, exitCode) => {
    server.reply = () => Promise.resolve({ exitCode, output: "" });

    const result = await agent.run(shell, script, MONITOR_ARGS);

    expect(result).toMatchObject({ exitCode, stdout: "", stderr: "" });
  });

  it("prints an action's output as it is", async () => {
    server.reply = () => Promise.resolve({ exitCode: 0, output: "-n 100% \\n\n  zwölf\n\n" });

    const result = await agent.run(shell, "actions/DevScan", ["vmres"]);

    expect(result).toMatchObject({ exitCode: 0, stdout: "-n 100% \\n\n  zwölf\n\n", stderr: "" });
  });

  it("prints at most 2047 bytes of an action's output", async () => {
    server.reply = () => Promise.resolve({ exitCode: 0, output: "ü".repeat(5_000) });

    const { stdout } = await agent.run(shell, "actions/DevScan", ["vmres"]);

    expect(stdout).toBe("ü".repeat(1023));
  });

  it("prints nothing for an entry point", async () => {
    server.reply = () => Promise.resolve({ exitCode: 110, output: "guest runs" });

    const result = await agent.run(shell, "monitor", MONITOR_ARGS);

    expect(result).toMatchObject({ exitCode: 110, stdout: "", stderr: "" });
  });

  it("shows the arguments in no process of its own but the one the framework started", async () => {
    const held = new HeldReplies();
    server.reply = held.reply;
    const { child, result } = agent.start(shell, "online", ["vmres", "Password", "hunter2"]);
    await vi.waitFor(() => expect(server.requests).toHaveLength(1), WAIT);

    const clients = await clientsAt(server.socket);
    held.release({ exitCode: 0, output: "" });
    await result;

    expect(clients).toMatchObject([{ shimPid: child.pid }]);
    expect(clients[0]?.argv.join(" ")).not.toContain("hunter2");
    expect(await agent.log()).not.toContain("hunter2");
  });
});

describe.each([
  ["dash", ["dash"]],
  ["bash as sh", ["bash", "--posix"]],
  ["busybox sh", ["busybox", "sh"]],
] as const)("the shim with perl under %s", (_name, shell) => {
  it("shows what it does in the place of a monitor's arguments", async () => {
    const held = new HeldReplies();
    server.reply = held.reply;
    const { child, result } = agent.start(shell, "monitor", ["vmres", "Password", "hunter2"]);
    await vi.waitFor(() => expect(server.requests).toHaveLength(1), WAIT);

    const shown = await readFile(`/proc/${child.pid}/cmdline`, "utf8");
    const others = await processesWith("hunter2");
    held.release({ exitCode: 110, output: "" });

    expect((await result).exitCode).toBe(110);
    expect(shown).toMatch(/KVMGuest\/monitor vmres \(\d+\): asks \S+, 57.000 s at most\0*$/);
    expect(others).toEqual([]);
  });

  it("takes from its environment no answer to anything but a monitor", async () => {
    server.reply = () => Promise.resolve({ exitCode: 1, output: "" });

    const { exitCode } = await agent.run(shell, "clean", ["vmres"], { VCSKVMGUESTD_FOUND: "0 0\n200" });

    expect(exitCode).toBe(1);
    expect(server.requests).toHaveLength(1);
  });

  it("is not led astray by settings of perl", async () => {
    server.reply = () => Promise.resolve({ exitCode: 107, output: "" });

    const settings = { PERL5OPT: "-Mnonsense", PERL5LIB: "/nowhere", PERL_UNICODE: "SDA" };
    const { exitCode } = await agent.run(shell, "monitor", ["vmres", "zwölf"], settings);

    expect(exitCode).toBe(107);
    expect(server.requests.map((request) => request.args)).toEqual([["vmres", "zwölf"]]);
  });
});

describe("the shim's deadline", () => {
  it.each([
    ["monitor", ["AEPTimeout", "1", "60"], "57.000"],
    ["monitor", [], "57.000"],
    ["clean", [], "57.000"],
    ["open", [], "57.000"],
    ["online", [], "285.000"],
    ["offline", [], "285.000"],
    ["migrate", [], "285.000"],
    ["actions/DevScan", [], "28.500"],
    ["online", ["AEPTimeout", "1", "300"], "285.000"],
    ["online", ["AEPTimeout", "1", "0060"], "57.000"],
    ["online", ["AEPTimeout", "1", "15"], "14.000"],
    ["online", ["AEPTimeout", "1", "3"], "2.250"],
    ["monitor", ["AEPTimeout", "1", "30", "VCSInfo", "2", "TargetHost", "node2"], "28.500"],
    ["monitor", ["AEPTimeout", "1", "soon"], "57.000"],
    ["monitor", ["AEPTimeout", "1", "0"], "57.000"],
    ["monitor", ["AEPTimeout", "1", "99999999999999999999"], "57.000"],
    ["monitor", ["AEPTimeout", "2", "10"], "57.000"],
    ["monitor", ["GuestName", "1", "AEPTimeout", "SyncDir", "1", "", "AEPTimeout", "1", "40"], "38.000"],
  ])("of %s with %j is %s s", async (script, args, seconds) => {
    const held = new HeldReplies();
    server.reply = held.reply;

    const runs = SHELLS.map(([, shell]) => agent.run(shell, script, ["vmres", ...args]));
    await vi.waitFor(() => expect(server.requests).toHaveLength(SHELLS.length), WAIT);
    const clients = await clientsAt(server.socket);
    held.release({ exitCode: script === "monitor" ? 100 : 0, output: "" });
    await Promise.all(runs);

    expect(clients.map((client) => client.seconds)).toEqual(SHELLS.map(() => seconds));
  });
});

describe("the shim's settings", () => {
  it.each(SHELLS)(
    "come from the defaults file when the environment has none, under %s",
    async (_n, shell) => {
      const defaults = join(server.folder, "defaults");
      await writeFile(defaults, `VCSKVMGUESTD_SOCKET="${server.socket}"\n`);
      server.reply = () => Promise.resolve({ exitCode: 103, output: "" });

      const environment = { VCSKVMGUESTD_SOCKET: "", VCSKVMGUESTD_DEFAULTS: defaults };
      const { exitCode } = await agent.run(shell, "monitor", ["vmres"], environment);

      expect(exitCode).toBe(103);
    },
  );

  it.each(SHELLS)("come from the environment first, under %s", async (_n, shell) => {
    const defaults = join(server.folder, "other-defaults");
    await writeFile(defaults, "VCSKVMGUESTD_SOCKET=/nowhere/agent.sock\nVCSKVMGUESTD_LOG=/nowhere/log\n");
    server.reply = () => Promise.resolve({ exitCode: 104, output: "" });

    const { exitCode } = await agent.run(shell, "monitor", ["vmres"], { VCSKVMGUESTD_DEFAULTS: defaults });

    expect(exitCode).toBe(104);
  });

  it.each([
    ["dash", ["dash"]],
    ["busybox sh", ["busybox", "sh"]],
    ["bash as sh", ["bash", "--posix"]],
  ] as const)("that do not parse are a failure that says where, under %s", async (_n, shell) => {
    const defaults = join(server.folder, `broken-${shell.join("")}`);
    await writeFile(defaults, "if then (\n");

    const { exitCode } = await agent.run(shell, "clean", ["vmres"], { VCSKVMGUESTD_DEFAULTS: defaults });

    expect(exitCode).toBe(1);
    expect(await agent.log()).toContain(`a mistake in ${defaults}`);
  });

  it("that do not parse are passed over by bash, which asks all the same", async () => {
    const defaults = join(server.folder, "broken-bash");
    await writeFile(defaults, "if then (\n");
    server.reply = () => Promise.resolve({ exitCode: 105, output: "" });

    const { exitCode } = await agent.run(["bash"], "monitor", ["vmres"], { VCSKVMGUESTD_DEFAULTS: defaults });

    expect(exitCode).toBe(105);
  });
});

describe("the shim's log", () => {
  it.each(SHELLS)("is the engine's when its library is there, under %s", async (_n, shell) => {
    const vcsHome = join(server.folder, `vcs-${shell.join("-")}`);
    await mkdir(join(vcsHome, "bin"), { recursive: true });
    const said = join(vcsHome, "said");
    await writeFile(
      join(vcsHome, "bin", "ag_i18n_inc.sh"),
      `VCSAG_SET_ENVS() { resource_said=$1; }\nVCSAG_LOG_MSG() { printf '%s|%s|%s|%s' "$resource_said" "$@" >${said}; }\n`,
    );

    const environment = { VCS_HOME: vcsHome, VCSKVMGUESTD_SOCKET: "/nowhere/agent.sock" };
    const { exitCode } = await agent.run(shell, "monitor", ["vmres"], environment);

    expect(exitCode).toBe(99);
    await vi.waitFor(async () => {
      expect(await readFile(said, "utf8")).toMatch(
        /^vmres\|E\|nobody answers at \/nowhere\/agent.sock.*\|1001$/,
      );
    }, WAIT);
  });

  it.each(SHELLS)("is our own when the engine's library is broken, under %s", async (_n, shell) => {
    const vcsHome = join(server.folder, `broken-vcs-${shell.join("-")}`);
    await mkdir(join(vcsHome, "bin"), { recursive: true });
    await writeFile(join(vcsHome, "bin", "ag_i18n_inc.sh"), "exit 3\n");
    const log = join(vcsHome, "own.log");

    const environment = {
      VCS_HOME: vcsHome,
      VCSKVMGUESTD_SOCKET: "/nowhere/agent.sock",
      VCSKVMGUESTD_LOG: log,
    };
    const { exitCode } = await agent.run(shell, "monitor", ["vmres"], environment);

    expect(exitCode).toBe(99);
    await vi.waitFor(async () => {
      expect(await readFile(log, "utf8")).toContain("VCS ERROR KVMGuest:vmres:monitor:nobody answers");
    }, WAIT);
  });

  it("does not delay the answer when the engine's library hangs", async () => {
    const vcsHome = join(server.folder, "hanging");
    await mkdir(join(vcsHome, "bin"), { recursive: true });
    await writeFile(join(vcsHome, "bin", "ag_i18n_inc.sh"), `exec sleep 61.5\n`);

    const environment = { VCS_HOME: vcsHome, VCSKVMGUESTD_SOCKET: "/nowhere/agent.sock" };
    const { exitCode, ms } = await agent.run(["dash"], "clean", ["vmres"], environment);

    expect(exitCode).toBe(1);
    expect(ms).toBeLessThan(30_000);
    for (const { pid } of await processesWith("61.5")) process.kill(pid);
  });

  it("keeps to one line whatever the first argument is", async () => {
    const log = join(server.folder, "forged.log");

    const environment = { VCSKVMGUESTD_LOG: log, VCSKVMGUESTD_SOCKET: "/nowhere/agent.sock" };
    await agent.run(["dash"], "monitor", ["vmres\n2030/01/01 00:00:00 VCS ERROR forged"], environment);

    expect(await readFile(log, "utf8")).toMatch(/^[^\n]* VCS ERROR KVMGuest:\?:monitor:[^\n]*\n$/);
  });

  it("changes no exit code when it cannot be written", async () => {
    const environment = { VCSKVMGUESTD_LOG: "/proc/none/log", VCSKVMGUESTD_SOCKET: "/nowhere/agent.sock" };

    for (const [, shell] of SHELLS) {
      const result = await agent.run(shell, "clean", ["vmres"], environment);
      expect(result).toMatchObject({ exitCode: 1, stdout: "", stderr: "" });
    }
  });
});

it("the shim is executable as it is", async () => {
  server.reply = () => Promise.resolve({ exitCode: 101, output: "" });

  const { exitCode } = await agent.run([], "monitor", ["vmres"]);

  expect(exitCode).toBe(101);
});
