import { readdir, readFile, readlink } from "node:fs/promises";

/**
 * The pid by which this process knows one of another pid namespace.
 *
 * @param namespace as /proc/PID/ns/pid names it
 * @param pid what the process is called there
 * @throws {Error} there is none
 */
export async function pidOutside(namespace: string, pid: number): Promise<number> {
  if ((await readlink("/proc/self/ns/pid")) === namespace) return pid;
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const numbers = statusField(await statusOf(entry), "NSpid").split("\t");
    if (numbers.at(-1) !== String(pid) || numbers.length === 1) continue;
    if ((await namespaceOf(entry)) === namespace) return Number(entry);
  }
  throw new Error(`there is no process ${pid} in the pid namespace ${namespace}`);
}

/** The children of a process, which may be in other pid namespaces. */
export async function childrenOf(pid: number): Promise<number[]> {
  const found: number[] = [];
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    if (statusField(await statusOf(entry), "PPid") === String(pid)) found.push(Number(entry));
  }
  return found;
}

/** Source: proc(5), /proc/PID/status: NSpid has the pid in each namespace, from ours to its own. */
function statusField(status: string, name: string): string {
  return new RegExp(`^${name}:\\s+(.*)$`, "m").exec(status)?.[1] ?? "";
}

/** Empty when the process is gone. */
function statusOf(pid: string): Promise<string> {
  return readFile(`/proc/${pid}/status`, "latin1").catch(() => "");
}

/** Empty when the process is gone. */
function namespaceOf(pid: string): Promise<string> {
  return readlink(`/proc/${pid}/ns/pid`).catch(() => "");
}
