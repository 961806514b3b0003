import { readdir, readFile } from "node:fs/promises";

export interface SeenProcess {
  readonly pid: number;
  readonly argv: readonly string[];
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
