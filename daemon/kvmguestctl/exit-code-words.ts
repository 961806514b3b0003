import type { EntryPointKind } from "../../ipc/entry-point-names.ts";

/** Where a failure is told. */
const SEE = "kvmguestctl why tells how it went";

/**
 * What an exit code of an entry point tells the engine.
 *
 * Source: Agent Developer's Guide 7.3, return values of entry points.
 */
export function exitCodeWords(kind: EntryPointKind, code: number): string {
  switch (kind) {
    case "monitor":
      return monitorWords(code);
    case "clean":
      return code === 0 ? "the guest is proved gone" : `the guest is not proved gone; ${SEE}`;
    case "action":
      return code === 0 ? "done" : "failed";
    case "online":
      return `the engine would run its monitor ${code === 0 ? "at once" : `in ${code} s`}, and that tells how it went; ${SEE}`;
    case "offline":
    case "migrate":
      return `the engine's next monitor tells how it went; ${SEE}`;
    case "open":
    case "close":
    case "attr_changed":
    case "shutdown":
      return `done, or the log says why not; ${SEE}`;
  }
}

function monitorWords(code: number): string {
  if (code === 99) return "UNKNOWN";
  if (code === 100) return "OFFLINE";
  if (code === 200) return "INTENTIONAL OFFLINE";
  return `ONLINE, confidence ${(code - 100) * 10}`;
}
