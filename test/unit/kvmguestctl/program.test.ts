import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COMMANDS } from "../../../daemon/kvmguestctl/commands.ts";
import { EXIT_CODES } from "../../../daemon/kvmguestctl/exit-codes.ts";
import { programHelp } from "../../../daemon/kvmguestctl/help.ts";
import { OPTIONS } from "../../../daemon/kvmguestctl/options.ts";
import { runProgram } from "../../../daemon/kvmguestctl/program.ts";
import { RecordingTerminal } from "../../support/ipc/recording-terminal.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ctl-"));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs a command line where no daemon is. */
async function run(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = { VCSKVMGUESTD_SOCKET: `${folder}/agent.sock` },
): Promise<{ readonly code: number; readonly out: string; readonly complaints: readonly string[] }> {
  const terminal = new RecordingTerminal();
  const code = await runProgram(argv, { env, terminal, signal: new AbortController().signal });
  return { code, out: terminal.out, complaints: terminal.complaints };
}

/** The socket that a command line asks, where nobody is. */
async function askedAt(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  const { complaints } = await run(argv, env);
  return /socket (\S+):/.exec(complaints[0] ?? "")?.[1];
}

describe("the command line of kvmguestctl", () => {
  it("shows the help of the program, with every command, option of all, variable and exit code", async () => {
    for (const argv of [["--help"], ["-h"]]) {
      const { code, out, complaints } = await run(argv);
      expect({ code, complaints }).toEqual({ code: 0, complaints: [] });
      expect(`${out}\n`).toBe(programHelp());
    }
    for (const { name, usage, summary } of COMMANDS) {
      expect(programHelp()).toContain(`\n  ${`${name} ${usage}`.trim()} `);
      expect(programHelp()).toContain(`  ${summary}\n`);
    }
    for (const { code, meaning } of Object.values(EXIT_CODES))
      expect(programHelp()).toContain(`  ${code}  ${meaning}\n`);
    expect(programHelp()).toContain("VCSKVMGUESTD_SOCKET");
  });

  it.each(COMMANDS.map(({ name }) => name))("shows the help of %s without a daemon", async (name) => {
    const { code, out } = await run([name, "--help"]);

    expect(code).toBe(0);
    expect(out).toMatch(new RegExp(`^kvmguestctl ${name} - `));
    expect(out).toContain("--socket PATH");
  });

  it.each([
    [[], "name a command: kvmguestctl --help lists them"],
    [["statu"], 'there is no command "statu": kvmguestctl --help lists them'],
    [["__proto__"], 'there is no command "__proto__": kvmguestctl --help lists them'],
    [["why"], "something is missing; usage: kvmguestctl why NAME"],
    [["why", "a", "b"], "too many words; usage: kvmguestctl why NAME"],
    [["status", "--follow"], "--follow is no option of status; usage: kvmguestctl status [NAME...]"],
    [["status", "--timeout", "soon"], "--timeout takes seconds, 0.1 to 3600"],
    [["watch", "--interval", "0"], "--interval takes seconds, 0.1 to 3600"],
    [["log-level", "loud"], "there is no such log level: it is one of debug, info, warn, error"],
    [["completion", "fish"], "there is completion for bash and zsh"],
    [["entry-point", "monitor"], "name the resource that monitor is for"],
    [
      ["entry-point", "monitor", "r", "extra"],
      "the tuple that begins with argument 1 has no count of values: after RESOURCE attributes are passed as NAME COUNT VALUE...",
    ],
    [
      ["entry-point", "clean", "r", "0", "GuestName", "2", "web1"],
      "the tuple that begins with argument 1 promises 2 values and brings 1: after RESOURCE attributes are passed as NAME COUNT VALUE...",
    ],
    [["status", "--sokcet", "/x"], "Unknown option '--sokcet': see kvmguestctl --help"],
    [["watch", "--interval", "-1"], "Option '--interval' argument is ambiguous: see kvmguestctl --help"],
    [["entry-point", "shutdown", "r"], "shutdown concerns all resources, it takes no arguments"],
    [
      ["entry-point", "action/../x", "r"],
      'there is no entry point "action/../x": it is open, close, online, offline, monitor, clean, attr_changed, migrate, shutdown, or action/TOKEN',
    ],
  ])("refuses %j with one line", async (argv, line) => {
    expect(await run(argv)).toEqual({ code: 2, out: "", complaints: [line] });
  });

  it("asks the option's socket, else the variable's, else the configuration's", async () => {
    const file = join(folder, "config.yaml");
    await writeFile(file, `socket: ${folder}/configured.sock\n`);

    expect(
      await askedAt(["status", "--socket", `${folder}/given.sock`], { VCSKVMGUESTD_SOCKET: "/no" }),
    ).toBe(`${folder}/given.sock`);
    expect(await askedAt(["status", "--config", file], {})).toBe(`${folder}/configured.sock`);
    expect(await askedAt(["status"], { VCSKVMGUESTD_CONFIG: file })).toBe(`${folder}/configured.sock`);
  });

  it("refuses a configuration that was named and cannot be used", async () => {
    expect((await run(["status", "--config", `${folder}/none.yaml`], {})).code).toBe(2);
    const file = join(folder, "broken.yaml");
    await writeFile(file, "sockte: /x\n");
    expect(await run(["status", "--config", file], {})).toMatchObject({ code: 2, out: "" });
  });

  it("has a clear line and a documented exit code for anything that can be typed", async () => {
    const words = [
      ...COMMANDS.map(({ name }) => name),
      ...Object.keys(OPTIONS).map((name) => `--${name}`),
      "monitor",
      "action/DevScan",
      "web1",
      "bash",
      "debug",
      "--",
      "-f",
      "-n",
      "1",
      "--timeout=1",
      "--socket=",
      "",
    ];
    const codes = new Set<number>(Object.values(EXIT_CODES).map(({ code }) => code));
    // checks look at the host, which is not what is tried here
    const anything = fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...words) },
      fc.string({ maxLength: 12 }),
    );
    const argvs = fc.array(anything, { maxLength: 7 }).filter((argv) => !argv.includes("check"));
    await fc.assert(
      fc.asyncProperty(argvs, async (argv) => {
        const { code, out, complaints } = await run(argv);
        expect(codes).toContain(code);
        expect(complaints).toHaveLength(code === 0 ? 0 : 1);
        for (const line of complaints) expect(line).toMatch(/^[^\n]{5,}$/);
        expect(`${out}${complaints.join("")}`).not.toMatch(/^\s+at .*:\d+:\d+/m);
        expect(`${out}${complaints.join("")}`).not.toBe("");
      }),
      { numRuns: 400 },
    );
  });
});

describe("every command", () => {
  it("has a name of its own, and options that there are", () => {
    expect(new Set(COMMANDS.map(({ name }) => name)).size).toBe(COMMANDS.length);
    for (const { options, words } of COMMANDS) {
      for (const option of options) expect(Object.keys(OPTIONS)).toContain(option);
      expect(words.least).toBeLessThanOrEqual(words.most);
    }
  });
});
