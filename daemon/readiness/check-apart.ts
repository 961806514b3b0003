import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { CheckRow } from "../../src/readiness.ts";
import { type CheckRequest, parseAnswer } from "./check-request.ts";

/** Each check has its own limit; this one is for what nobody foresaw. */
const ALL_MS = 600_000;

/**
 * Has the checks look in a process of their own, which is killed when it has told its rows: a process with a thread in a
 * dead file system cannot end in order, not even by process.exit(), because Node waits for that thread.
 *
 * @throws {Error} the checks have failed; what the signal was aborted with
 */
export function checkApart(request: CheckRequest, signal: AbortSignal): Promise<readonly CheckRow[]> {
  const program = fileURLToPath(new URL("./check-main.js", import.meta.url));
  const child = fork(program, [JSON.stringify(request)], {
    execArgv: [],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  return new Promise((resolve, reject) => {
    const end = (settle: () => void): void => {
      clearTimeout(late);
      signal.removeEventListener("abort", abort);
      child.removeAllListeners();
      child.on("error", () => undefined); // one that comes late
      child.kill("SIGKILL");
      child.unref();
      settle();
    };
    const abort = (): void => end(() => reject(abortReason(signal)));
    const late = setTimeout(
      () => end(() => reject(new Error(`the checks did not end within ${ALL_MS / 1000} s`))),
      ALL_MS,
    );
    child.once("message", (message: unknown) =>
      end(() => {
        try {
          resolve(parseAnswer(message));
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      }),
    );
    child.once("error", (error) => end(() => reject(error)));
    child.once("exit", (code, name) =>
      end(() => reject(new Error(`the checks ended without a word (${name ?? code ?? "?"})`))),
    );
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
}

function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error("given up");
}
