import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { repositoryFile } from "../repository.ts";

/** How a run of the daemon's program ended. */
export interface ProgramEnd {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the compiled program with arguments to its end; whoever expects it to serve uses DaemonProcess. */
export async function runProgram(
  args: readonly string[],
  { uid, env = {} }: { readonly uid?: number; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<ProgramEnd> {
  const child = spawn(process.execPath, [repositoryFile("dist/daemon/main.js"), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env["PATH"] ?? "", ...env },
    cwd: "/",
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  const late = setTimeout(() => child.kill("SIGKILL"), 60_000);
  const exit = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", resolve);
  });
  const [exitCode, stdout, stderr] = await Promise.all([exit, text(child.stdout), text(child.stderr)]);
  clearTimeout(late);
  return { exitCode, stdout, stderr };
}
