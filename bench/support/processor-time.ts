import { readdir, readFile } from "node:fs/promises";

/**
 * The CPU time that the threads of a process have had so far, in milliseconds. Threads that ended meanwhile are lost.
 *
 * Source: Documentation/scheduler/sched-stats.rst, /proc/PID/schedstat: nanoseconds on a CPU come first.
 */
export async function processorTimeMs(pid: number): Promise<number> {
  const folder = `/proc/${pid}/task`;
  const texts = await Promise.all(
    (await readdir(folder)).map((thread) =>
      readFile(`${folder}/${thread}/schedstat`, "utf8").catch(() => "0"),
    ),
  );
  return texts.reduce((sum, text) => sum + Number(text.split(" ")[0]), 0) / 1e6;
}
