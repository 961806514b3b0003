import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("libvirt-namespace.sh", import.meta.url));

/**
 * Makes a private mount namespace over a folder of makeFolder(), and the process that holds it.
 * The holder ends all that lives in the namespace, and removes the folder, when this process ends or endNamespace() is called.
 *
 * @throws {Error} it cannot be made, mostly for want of root; the folder is removed
 */
export async function holdNamespace(folder: string, hostname = ""): Promise<ChildProcess> {
  const unshare = ["--mount", "--uts", "--propagation", "private", "sh", SCRIPT, folder, hostname];
  const holder = spawn("unshare", unshare, { stdio: ["pipe", "pipe", "pipe"], detached: true });
  try {
    await ready(holder);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  return holder;
}

function ready(holder: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = "";
    holder.stderr?.on("data", (text: Buffer) => (said += text.toString()));
    holder.stdin?.on("error", () => {}); // it ended before us: its exit tells
    holder.stdout?.once("data", () => resolve());
    holder.once("error", reject);
    holder.once("close", (code) => reject(new Error(`no private namespace (${code}): ${said.trim()}`)));
  });
}

/** Runs a program in the namespace; its pid is the child's own. What it says is added to `log/NAME.out` in the folder. */
export function enterNamespace(
  holder: ChildProcess,
  folder: string,
  [program, ...args]: readonly [string, ...string[]],
): ChildProcess {
  const out = openSync(join(folder, "log", `${program}.out`), "a");
  const words = ["-t", String(holder.pid), "--mount", "--uts", "--", program, ...args];
  const child = spawn("nsenter", words, { stdio: ["ignore", out, out], detached: true });
  child.on("error", () => {}); // then it has no pid, which counts as ended
  closeSync(out);
  return child;
}

/** Kills what is left in the namespace and removes the folder; resolves when both are done. */
export function endNamespace(holder: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (holder.exitCode !== null || holder.signalCode !== null) {
      resolve();
      return;
    }
    holder.once("exit", () => resolve());
    holder.stdin?.end();
  });
}
