import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { vi } from "vitest";
import { freezeProcess } from "../lab/freeze.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
/** As in tsconfig.json, which the compiler does not read together with a file's name. */
const OPTIONS =
  "--ignoreConfig --module nodenext --target es2023 --lib es2023 --types node --rewriteRelativeImportExtensions --skipLibCheck --noCheck";

/** The test daemon as JavaScript, compiled once for a test file. */
export class DaemonProgram {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async compile(): Promise<DaemonProgram> {
    // Inside the project, so that its package.json makes the files modules.
    await mkdir(join(ROOT, ".cache"), { recursive: true });
    const folder = await mkdtemp(join(ROOT, ".cache", "ipc-"));
    const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
    const source = join(ROOT, "test/support/ipc-server-main.ts");
    const options = [...OPTIONS.split(" "), "--rootDir", ROOT, "--outDir", folder];
    await promisify(execFile)(process.execPath, [compiler, source, ...options]);
    return new DaemonProgram(folder);
  }

  start(socket: string): DaemonProcess {
    return new DaemonProcess(join(this.#folder, "test/support/ipc-server-main.js"), socket);
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** One running test daemon, and what it said so far. */
export class DaemonProcess {
  readonly #child: ChildProcess;
  readonly lines: string[] = [];

  constructor(program: string, socket: string) {
    const child = spawn(process.execPath, [program, socket], { stdio: ["ignore", "pipe", "inherit"] });
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.lines.push(...text.split("\n").filter(Boolean));
    });
    this.#child = child;
  }

  async says(line: string): Promise<void> {
    await vi.waitUntil(() => this.lines.includes(line), { timeout: 60_000 });
  }

  /** Stops it without a chance to notice; the signal SIGCONT lets it go on. */
  freeze(): Promise<void> {
    return freezeProcess(this.#child.pid ?? Number.NaN);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Sends a signal and waits for the end. */
  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, "exit");
    this.#child.kill("SIGCONT");
    this.#child.kill(signal);
    await exit;
  }
}
