import { ask } from "../ipc/http-client.ts";
import { until } from "../lab/until.ts";
import type { LogLine } from "./daemon-process.ts";
import type { Host } from "./host.ts";

/**
 * Exit codes of monitor.
 *
 * Source: Agent Developer's Guide 7.3, return values of entry points.
 */
export const MONITOR = {
  unknown: 99,
  offline: 100,
  online10: 101,
  online20: 102,
  online30: 103,
  online40: 104,
  online50: 105,
  online60: 106,
  online: 110,
  intentional: 200,
} as const;

/** Between two monitors of one resource, so that many can be asked at once. */
const LOOK_MS = 200;

/** What one call of an entry point left. */
export interface Called {
  readonly exitCode: number;
  readonly output: string;
  readonly ms: number;
}

/** What a resource is set to, by attribute; a list for one with several values, as keys and values of RHEVMInfo. */
export type AttributeValues = Readonly<Record<string, string | readonly string[]>>;

/** How the framework calls; what is left out is as in the type's defaults. */
export interface CallOptions {
  /** AEPTimeout, seconds. */
  readonly timeoutS?: number;
  /** Attributes that differ in this call. */
  readonly attributes?: AttributeValues;
}

/** One resource, whose entry points a test calls through the shims, as the agent framework does. */
export class Resource {
  readonly name: string;
  readonly #host: Host;
  readonly #attributes: AttributeValues;

  constructor(host: Host, name: string, attributes: AttributeValues) {
    this.#host = host;
    this.name = name;
    this.#attributes = attributes;
  }

  open(options: CallOptions = {}): Promise<Called> {
    return this.#call("open", [], 60, options);
  }

  close(options: CallOptions = {}): Promise<Called> {
    return this.#call("close", [], 60, options);
  }

  /** The exit code of monitor. */
  async monitor(options: CallOptions = {}): Promise<number> {
    return (await this.#call("monitor", [], 60, options)).exitCode;
  }

  online(options: CallOptions = {}): Promise<Called> {
    return this.#call("online", [], 300, options);
  }

  offline(options: CallOptions = {}): Promise<Called> {
    return this.#call("offline", [], 300, options);
  }

  /** @param target the system that the engine chose */
  migrate(target: string, options: CallOptions = {}): Promise<Called> {
    return this.#call("migrate", ["VCSInfo", "2", "TargetHost", target], 300, options);
  }

  /** @param reason undefined: none is passed */
  clean(reason: number | undefined, options: CallOptions = {}): Promise<Called> {
    return this.#call("clean", reason === undefined ? [] : [String(reason)], 60, options);
  }

  /** The daemon's own line about the last monitor of this resource. */
  get lastMonitor(): LogLine | undefined {
    return this.#host.daemon.said("entry point ended", { entryPoint: "monitor", resource: this.name }).at(-1);
  }

  /**
   * Asks for monitor until it exits with a code.
   *
   * @returns all codes that it exited with on the way, each once
   */
  async monitorUntil(code: number, limitMs = 60_000): Promise<readonly number[]> {
    const seen = new Set<number>();
    const isReached = async (): Promise<boolean> => {
      const got = await this.monitor();
      seen.add(got);
      if (got !== code) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      return got === code;
    };
    try {
      await until(`monitor of ${this.name} exits with ${code}`, isReached, limitMs);
    } catch (error) {
      const reason = String(this.lastMonitor?.["reason"]);
      throw new Error(`monitor of ${this.name} exits with ${[...seen].join()}: ${reason}`, { cause: error });
    }
    return [...seen];
  }

  /** The operation that the daemon works on for the resource now, null for none. */
  async operation(): Promise<unknown> {
    return (await this.view())?.["operation"];
  }

  /** What the daemon shows operators of the resource; undefined when it does not know it. */
  async view(): Promise<Readonly<Record<string, unknown>> | undefined> {
    const all: unknown = JSON.parse((await ask(this.#host.socket, "GET", "/v1/guests")).body);
    if (!Array.isArray(all)) return undefined;
    return all.filter(isRecord).find((view) => view["resource"] === this.name);
  }

  /** The tuples of a call. */
  tuples({ timeoutS = 60, attributes = {} }: CallOptions = {}): readonly string[] {
    const values = { ...this.#attributes, ...attributes, AEPTimeout: String(timeoutS) };
    return Object.entries(values).flatMap(([name, value]) => {
      const words = typeof value === "string" ? [value] : value;
      return [name, String(words.length), ...words];
    });
  }

  async #call(
    entryPoint: string,
    before: readonly string[],
    byDefaultS: number,
    options: CallOptions,
  ): Promise<Called> {
    const since = performance.now();
    const tuples = this.tuples({ timeoutS: byDefaultS, ...options });
    const ended = await this.#host.shim(entryPoint, this.name, ...before, ...tuples);
    return { ...ended, ms: performance.now() - since };
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
