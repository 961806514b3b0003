import { readdir, readFile } from "node:fs/promises";
import { until } from "./until.ts";

/**
 * Stops a process with SIGSTOP and resolves when it stands still. The signal alone takes effect a little later, and
 * until then the process may still answer.
 */
export async function freezeProcess(pid: number): Promise<void> {
  process.kill(pid, "SIGSTOP");
  await until(`process ${pid} stands still`, () => standsStill(pid));
}

/** Every thread counts. Source: proc(5), /proc/pid/stat field 3; T is stopped, t held by a debugger. */
async function standsStill(pid: number): Promise<boolean> {
  const threads = await readdir(`/proc/${pid}/task`);
  const stats = await Promise.all(
    threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/stat`, "latin1")),
  );
  return stats.every((stat) => /^[tTZX]/.test(stat.slice(stat.lastIndexOf(")") + 2)));
}
