import { readdir, readFile } from "node:fs/promises";

export interface SeenProcess {
  readonly pid: number;
  readonly argv: readonly string[];
}

/** The deadline and the shim's pid that a client process of the shim was given; undefined for any other process. */
export function clientOf({
  argv,
}: SeenProcess): { readonly seconds: string; readonly pid: string } | undefined {
  if (argv[0] === "/usr/bin/perl") return { seconds: argv[4] ?? "", pid: argv[6] ?? "" };
  if (argv[0] !== "curl") return undefined;
  const pid = argv.find((word) => word.startsWith("Shim-Pid: "))?.slice("Shim-Pid: ".length) ?? "";
  return { seconds: argv[argv.indexOf("--max-time") + 1] ?? "", pid };
}

/** The processes whose command line has a word, as any user of the host can see them. */
export async function processesWith(word: string): Promise<SeenProcess[]> {
  const pids = (await readdir("/proc")).filter((name) => /^[0-9]+$/.test(name));
  const seen = await Promise.all(
    pids.map(async (pid) => {
      const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => ""); // it ended meanwhile
      return { pid: Number(pid), argv: commandLine.split("\0") };
    }),
  );
  return seen.filter(({ argv }) => argv.includes(word));
}
