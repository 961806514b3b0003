import { readdir, readFile } from "node:fs/promises";

export interface SeenProcess {
  readonly pid: number;
  readonly argv: readonly string[];
}

/** A process that asks for a shim. */
export interface SeenClient {
  /** The shim's, by its own words. */
  readonly shimPid: number;
  readonly seconds: string;
  readonly argv: readonly string[];
}

/** The processes that ask at a socket now: perl, with a title of its own, or curl. */
export async function clientsAt(socket: string): Promise<SeenClient[]> {
  return (await allProcesses()).flatMap((seen) => clientOf(seen, socket) ?? []);
}

function clientOf({ argv }: SeenProcess, socket: string): SeenClient | undefined {
  const [, pid, asked, seconds = ""] = /\((\d+)\): asks (\S+), (\S+) s at most$/.exec(argv[0] ?? "") ?? [];
  if (asked === socket) return { shimPid: Number(pid), seconds, argv };
  if (argv[0] !== "curl" || !argv.includes(socket)) return undefined;
  const shimPid = argv.find((word) => word.startsWith("Shim-Pid: "))?.slice("Shim-Pid: ".length);
  return { shimPid: Number(shimPid), seconds: argv[argv.indexOf("--max-time") + 1] ?? "", argv };
}

/** The processes whose command line has a word, as any user of the host can see them. */
export async function processesWith(word: string): Promise<SeenProcess[]> {
  return (await allProcesses()).filter(({ argv }) => argv.includes(word));
}

async function allProcesses(): Promise<SeenProcess[]> {
  const pids = (await readdir("/proc")).filter((name) => /^[0-9]+$/.test(name));
  return Promise.all(
    pids.map(async (pid) => {
      const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => ""); // it ended meanwhile
      return { pid: Number(pid), argv: commandLine.split("\0") };
    }),
  );
}
