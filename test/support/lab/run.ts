import { execFile } from "node:child_process";

/** What a finished program left: text without the last line end. */
export interface Finished {
  stdout: string;
  stderr: string;
}

/**
 * Runs a program to its end.
 *
 * @param limitMs after this long it is killed and counts as failed
 * @throws {Error} it could not start, failed or was killed; the message holds the command and what it said
 */
export function run(program: string, args: readonly string[], limitMs = 60_000): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const options = {
      env: { ...process.env, LC_ALL: "C" },
      timeout: limitMs,
      killSignal: "SIGKILL",
    } as const;
    execFile(program, args, { ...options, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      if (error === null) {
        resolve({ stdout: stdout.trimEnd(), stderr: stderr.trimEnd() });
        return;
      }
      const why = error.killed === true ? `killed after ${limitMs} ms` : `ended with ${error.code}`;
      reject(new Error(`${program} ${args.join(" ")}: ${why}: ${stderr.trim()}`, { cause: error }));
    });
  });
}
