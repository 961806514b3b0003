import { execFile } from "node:child_process";
import { repositoryFile } from "../repository.ts";
import type { Host } from "./host.ts";

/** What `kvmguestctl check` said. */
export interface CheckReport {
  readonly exitCode: number;
  /** Rows as `VERDICT | CHECK | ABOUT | TEXT`. */
  readonly rows: readonly string[];
  /** All that it wrote, on both streams. */
  readonly output: string;
}

/**
 * Runs `kvmguestctl check` on a host.
 *
 * @param command what precedes a program to run it there; nothing for this machine
 */
export function checkReport(
  host: Pick<Host, "configFile">,
  command: readonly string[] = [],
  ...args: readonly string[]
): Promise<CheckReport> {
  const program = [process.execPath, repositoryFile("dist/daemon/kvmguestctl.js")];
  const [first = "", ...words] = [
    ...command,
    ...program,
    "check",
    "--json",
    "--config",
    host.configFile,
    ...args,
  ];
  return new Promise((resolve, reject) => {
    execFile(first, words, { timeout: 120_000 }, (error, stdout, stderr) => {
      const exitCode = error === null ? 0 : error.code;
      if (typeof exitCode !== "number") reject(new Error(`check was killed: ${stderr}`, { cause: error }));
      else resolve({ exitCode, rows: rowsIn(stdout), output: stdout + stderr });
    });
  });
}

function rowsIn(text: string): readonly string[] {
  const report: unknown = text.trim() === "" ? {} : JSON.parse(text);
  if (!isRecord(report) || !Array.isArray(report["checks"])) return [];
  return report["checks"].map((row: unknown) => {
    const { verdict, check, about, text: words } = isRecord(row) ? row : {};
    return [verdict, check, about, words].join(" | ");
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
