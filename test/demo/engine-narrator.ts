import type { EngineLog, EngineLogEntry } from "../support/engine/engine-log.ts";
import type { Timeline } from "./timeline.ts";

/** How often the engine's log is read. */
const LOOK_MS = 10;

/** Source: Agent Developer's Guide, clean reason codes. */
const CLEAN_REASONS = [
  "offline hung",
  "offline ineffective",
  "online hung",
  "online ineffective",
  "unexpected offline",
  "monitor hung",
] as const;

/** What an exit code of monitor means. Source: Agent Developer's Guide, return values of entry points. */
function monitorWords(exitCode: number): string {
  if (exitCode === 100) return "OFFLINE";
  if (exitCode === 200) return "INTENTIONAL OFFLINE";
  if (exitCode > 100 && exitCode <= 110) return `ONLINE, confidence ${(exitCode - 100) * 10}`;
  return "UNKNOWN";
}

/** Tells what the engine does, in the words of its documents; monitors that say the same again are left out. */
export class EngineNarrator {
  readonly #log: EngineLog;
  readonly #timeline: Pick<Timeline, "line">;
  readonly #timer: NodeJS.Timeout;
  #told = 0;
  #lastMonitor: number | undefined;

  constructor(log: EngineLog, timeline: Pick<Timeline, "line">) {
    this.#log = log;
    this.#timeline = timeline;
    this.#timer = setInterval(() => this.#tell(), LOOK_MS).unref();
  }

  end(): void {
    clearInterval(this.#timer);
    this.#tell();
  }

  #tell(): void {
    for (const entry of this.#log.entries.slice(this.#told)) {
      const words = this.#words(entry);
      if (words !== undefined) this.#timeline.line("engine", words);
    }
    this.#told = this.#log.entries.length;
  }

  #words({ what, details }: EngineLogEntry): string | undefined {
    if (what === "entry point started")
      return details.entryPoint === "monitor" ? undefined : `runs ${details.entryPoint}`;
    if (what === "entry point ended") return this.#ended(details.entryPoint ?? "", details.exitCode ?? -1);
    if (what === "state") return `has the resource ${details.to} (was ${details.from})`;
    if (what === "clean")
      return `orders a clean, reason ${details.reason}: ${CLEAN_REASONS[details.reason ?? -1] ?? "?"}`;
    if (what === "hares") return `gets: hares ${(details.args ?? []).join(" ")}`;
    return what === "restart" || what === "faulted" ? `decides: ${what}` : undefined;
  }

  #ended(entryPoint: string, exitCode: number): string | undefined {
    if (entryPoint !== "monitor") return `${entryPoint} ended with ${exitCode}`;
    if (exitCode === this.#lastMonitor) return undefined;
    this.#lastMonitor = exitCode;
    return `monitor ended with ${exitCode}: ${monitorWords(exitCode)}`;
  }
}
