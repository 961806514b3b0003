import { readFileSync } from "node:fs";

/** The package's own version: two folders up from the compiled file. */
export function packageVersion(): string {
  const parsed: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  const isPackage = typeof parsed === "object" && parsed !== null && "version" in parsed;
  return isPackage ? String(parsed.version) : "unknown";
}
