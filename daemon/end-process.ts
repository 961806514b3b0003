import { pause } from "../src/deadline.ts";

/** Files and names that are being read are waited for so long. */
const THREADS_MS = 1000;
const LOOK_MS = 20;

/** Requests that keep one of Node's threads, as Node calls them. */
const IN_A_THREAD = /^(?:FSReq|GetAddrInfo|GetNameInfo)/;

/**
 * Ends this process after the work that was to be done. process.exit() waits for Node's threads, and one in a dead file
 * system never comes back: then only a signal ends the process, and its exit code is lost.
 */
export async function endProcess(code: number): Promise<never> {
  const over = AbortSignal.timeout(THREADS_MS);
  while (isThreadAtWork() && !over.aborted) await pause(LOOK_MS, over);
  return endProcessNow(code);
}

/** The same, without waiting for anything. */
export function endProcessNow(code: number): never {
  if (isThreadAtWork()) {
    process.stderr.write(
      "a file system or a name server does not answer: the process ends itself by SIGKILL\n",
    );
    process.kill(process.pid, "SIGKILL");
  }
  process.exit(code);
}

function isThreadAtWork(): boolean {
  return process.getActiveResourcesInfo().some((name) => IN_A_THREAD.test(name));
}
