import { readFileSync } from "node:fs";
import { basename } from "node:path";

/** How often a running request looks whether its shim still lives, in milliseconds. */
const WATCH_INTERVAL_MS = 500;

/**
 * Calls `onGone` once when the shim's process has ended before its request.
 *
 * The connection does not tell: it belongs to curl, a child of the shim, which lives on when the framework
 * kills the shim alone. A process that is not this entry point's shim (another pid namespace) is not watched. The first
 * look is at once, while the shim has just asked: a later one might miss its death.
 *
 * @param entryPoint the name the shim was run under
 * @returns ends the watch
 */
export function watchShim(pid: number, entryPoint: string, onGone: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  const known = shimIdentity(pid, entryPoint);

  function look(): void {
    if (shimIdentity(pid, entryPoint) === known) timer = setTimeout(look, WATCH_INTERVAL_MS);
    else onGone();
  }

  if (known !== undefined) timer = setTimeout(look, WATCH_INTERVAL_MS);
  return () => clearTimeout(timer);
}

/**
 * What tells this shim from a later process with the same pid; undefined when there is no such shim. /proc is memory: two
 * small reads cost less than a way through Node's file threads, which a hung disk may hold.
 */
function shimIdentity(pid: number, entryPoint: string): string | undefined {
  try {
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, "utf8");
    // The interpreter may have one word before the script: `busybox sh /path/monitor`.
    const isShim = commandLine.split("\0", 3).some((word) => basename(word) === entryPoint);
    if (!isShim) return undefined; // a zombie's command line is empty
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return startTime(stat);
  } catch {
    return undefined; // the process is gone
  }
}

/** Source: proc(5), /proc/pid/stat, field 22, counted after the name in parentheses, which is field 2. */
function startTime(stat: string): string | undefined {
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
}

/** The process id a shim sent, undefined when it sent none or nonsense. */
export function shimPidOf(header: string | string[] | undefined): number | undefined {
  return typeof header === "string" && /^[1-9][0-9]{0,9}$/.test(header) ? Number(header) : undefined;
}
