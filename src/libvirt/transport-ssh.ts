import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import type { Duplex } from "node:stream";
import { ChildStream } from "./child-stream.ts";
import { LibvirtCallError } from "./errors.ts";
import { sshArguments, sshFailure } from "./ssh-command.ts";
import { type SshTarget, targetName } from "./target.ts";

/**
 * Starts an ssh whose input and output are the daemon's. Whether it gets there shows when the daemon is asked: the
 * stream fails with a LibvirtCallError that says what is wrong.
 *
 * @param limitMs how long ssh itself may take to connect
 * @throws {LibvirtCallError} no socket: there is no ssh on this host; at the deadline, its reason
 */
export async function connectSsh(target: SshTarget, limitMs: number, deadline: AbortSignal): Promise<Duplex> {
  deadline.throwIfAborted();
  const child = await started(target, limitMs);
  return new ChildStream(child, (end) => sshFailure(target, end));
}

function started(target: SshTarget, limitMs: number): Promise<ChildProcessWithoutNullStreams> {
  return new Promise((resolve, reject) => {
    // its words are read: they must be those we know
    const env = { ...process.env, LC_ALL: "C" };
    const child = spawn("ssh", sshArguments(target, limitMs), { env, stdio: "pipe" });
    child.once("spawn", () => resolve(child));
    child.once("error", (cause) => {
      const words = `ssh cannot be started for ${targetName(target)}: ${cause.message}`;
      reject(new LibvirtCallError("no socket", words, { cause }));
    });
  });
}
