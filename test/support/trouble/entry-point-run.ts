import { spawn } from "node:child_process";
import { join } from "node:path";
import type { Host } from "../host/host.ts";

/** Which resource an entry point is run for, and how. */
export interface Target {
  readonly resource: string;
  readonly guest: string;
  /** The framework's timeout for this call, in seconds; default 60. */
  readonly timeoutS?: number;
  /** Further tuples: a name and its values each. */
  readonly tuples?: Readonly<Record<string, readonly string[]>>;
}

export interface ShimEnd {
  /** null: it was killed. */
  readonly exitCode: number | null;
  readonly ms: number;
  readonly output: string;
}

/** A shim under way. */
export interface ShimRun {
  readonly pid: number;
  readonly ended: Promise<ShimEnd>;
}

/** The argv of an entry point as the framework builds it. */
export function argumentsOf(entryPoint: string, target: Target): string[] {
  const { resource, guest, timeoutS = 60, tuples = {} } = target;
  const all = {
    GuestName: [guest],
    DelayAfterGuestOnline: ["0"],
    DelayAfterGuestOffline: ["10"],
    ...tuples,
    AEPTimeout: [String(timeoutS)],
  };
  return [
    resource,
    ...(entryPoint === "clean" ? ["4"] : []),
    ...Object.entries(all).flatMap(([name, values]) => [name, String(values.length), ...values]),
  ];
}

/** Starts a shim as the framework does; whoever wants to kill it has its pid. */
export function startShim(host: Host, entryPoint: string, args: readonly string[]): ShimRun {
  const since = performance.now();
  const shim = spawn(join(host.agentDirectory, entryPoint), args, {
    env: { PATH: process.env["PATH"] ?? "", ...host.shimEnvironment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [shim.stdout, shim.stderr]) {
    stream.on("data", (part: Buffer) => {
      output += part.toString();
    });
  }
  const ended = new Promise<ShimEnd>((resolve, reject) => {
    shim.once("error", reject);
    shim.once("exit", (exitCode) => resolve({ exitCode, ms: performance.now() - since, output }));
  });
  if (shim.pid === undefined) throw new Error(`${entryPoint} could not be started`);
  return { pid: shim.pid, ended };
}

/** Runs an entry point of one resource to its end. */
export function runEntryPoint(host: Host, entryPoint: string, target: Target): Promise<ShimEnd> {
  return startShim(host, entryPoint, argumentsOf(entryPoint, target)).ended;
}

/** The exit code of a monitor. */
export async function monitorCode(host: Host, target: Target): Promise<number | null> {
  return (await runEntryPoint(host, "monitor", target)).exitCode;
}
