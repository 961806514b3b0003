/** A state in the words of a label. */
export type StateWord = "online" | "offline" | "intentional_offline" | "unknown";

/** What the engine was told of one resource, by this process. */
export interface ToldState {
  readonly state: StateWord;
  /** From 0.1 to 1 for ONLINE, else 0. */
  readonly confidence: number;
  /** When the state, whatever its confidence, was told first, in seconds since 1970; undefined before this process told any. */
  readonly sinceS: number | undefined;
  /** Seconds for which the engine was left with UNKNOWN, up to now. */
  readonly unknownS: number;
}

/** Names of resources come from outside: a stream of invented ones must not grow without end. */
const RESOURCES_AT_MOST = 10_000;

interface Known {
  code: number;
  sinceMs: number;
  /** performance.now of the last change, which a change of the clock does not move */
  sinceTick: number;
  unknownMs: number;
}

/** Remembers what the engine was told of each resource, and for how long it was UNKNOWN. */
export class ToldStates {
  readonly #known = new Map<string, Known>();

  /** Takes in the exit code of a monitor that was answered. */
  note(resource: string, code: number): void {
    const tick = performance.now();
    const known = this.#known.get(resource);
    if (known === undefined) {
      if (this.#known.size >= RESOURCES_AT_MOST) return;
      this.#known.set(resource, { code, sinceMs: Date.now(), sinceTick: tick, unknownMs: 0 });
      return;
    }
    if (wordOf(known.code) !== wordOf(code)) {
      known.unknownMs += unknownMs(known, tick);
      known.sinceMs = Date.now();
      known.sinceTick = tick;
    }
    known.code = code;
  }

  /** What was told of a resource; undefined when this process has told nothing yet. */
  get(resource: string): ToldState | undefined {
    const known = this.#known.get(resource);
    if (known === undefined) return undefined;
    const unknownS = (known.unknownMs + unknownMs(known, performance.now())) / 1000;
    return { ...toldState(known.code), sinceS: known.sinceMs / 1000, unknownS };
  }

  /** Drops what is known of resources that are not kept any more. */
  keepOnly(resources: ReadonlySet<string>): void {
    for (const resource of this.#known.keys()) if (!resources.has(resource)) this.#known.delete(resource);
  }
}

/** State and confidence by the exit code that tells them to the engine. */
export function toldState(code: number): Pick<ToldState, "state" | "confidence"> {
  const state = wordOf(code);
  return { state, confidence: state === "online" ? (code - 100) / 10 : 0 };
}

/** Source: as monitorExitCode. */
function wordOf(code: number): StateWord {
  if (code === 100) return "offline";
  if (code > 100 && code <= 110) return "online";
  return code === 200 ? "intentional_offline" : "unknown";
}

function unknownMs({ code, sinceTick }: Known, tick: number): number {
  return wordOf(code) === "unknown" ? tick - sinceTick : 0;
}
