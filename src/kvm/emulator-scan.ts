import { readdir } from "node:fs/promises";
import { AgentError } from "../agent-error.ts";
import { pause } from "../deadline.ts";
import {
  type EmulatorFacts,
  emulatorAt,
  isNamed,
  liveArguments,
  readOrNothing,
  valueAfter,
} from "./emulator-facts.ts";

/** Which guest a scan of /proc looks for. The name serves only while no UUID was ever read. */
export type EmulatorQuery = { readonly uuid: string } | { readonly name: string };

/** A process that was started as emulators are; without arguments, one whose memory cannot be read. */
interface Candidate {
  readonly pid: number;
  readonly args: readonly string[] | undefined;
}

/**
 * A command line is memory of its process: where that waits for dead storage with its memory locked, so does a reader. The
 * time is counted in steps, each of which a file thread has served: where this process itself, the machine or its disk
 * stood still, all of it was one step, and no emulator is at fault.
 */
const LOOK = { steps: 10, stepMs: 100 } as const;

/**
 * Finds emulators by walks through all of /proc, hundreds of files each. When the engine opens all its resources
 * at once, those who ask during a walk share the next: each answer rests on a walk that began after the question.
 */
export class EmulatorScan {
  #walking: Promise<unknown> | undefined;
  #next: Promise<readonly Candidate[]> | undefined;
  /** Processes that are being looked into: one that hangs costs one of Node's few file threads, and no second. */
  readonly #looking = new Set<number>();
  readonly #argumentsOf: typeof liveArguments;

  /** @param argumentsOf how a process is looked into; for tests of one that hangs */
  constructor(argumentsOf: typeof liveArguments = liveArguments) {
    this.#argumentsOf = argumentsOf;
  }

  /**
   * Finds all emulators of a guest on this host that hold anything, whoever started them.
   *
   * @throws {AgentError} STILL_RUNNING when /proc, or what may be an emulator, cannot be read: then nothing is proved
   */
  async find(query: EmulatorQuery): Promise<readonly EmulatorFacts[]> {
    this.#next ??= this.#walk();
    const found: EmulatorFacts[] = [];
    for (const { pid, args } of await this.#next) {
      if (args === undefined) {
        await refuseIfEmulator(pid);
        continue;
      }
      const fits = "uuid" in query ? valueAfter(args, "-uuid") === query.uuid : isNamed(args, query.name);
      const facts = fits ? await emulatorAt(pid) : undefined;
      if (facts !== undefined) found.push(facts);
    }
    return found;
  }

  async #walk(): Promise<readonly Candidate[]> {
    await this.#walking?.catch(() => undefined); // its own askers are told
    this.#next = undefined;
    const walk = this.#candidates();
    this.#walking = walk;
    return walk;
  }

  async #candidates(): Promise<readonly Candidate[]> {
    const found: Candidate[] = [];
    for (const entry of await processEntries()) {
      if (!/^\d+$/.test(entry)) continue;
      const pid = Number(entry);
      const args = await this.#lookInto(pid);
      if (args === undefined || args.includes("-uuid") || args.includes("-name")) found.push({ pid, args });
    }
    return found;
  }

  async #lookInto(pid: number): Promise<readonly string[] | undefined> {
    if (this.#looking.has(pid)) return undefined;
    this.#looking.add(pid);
    const looked = this.#argumentsOf(pid).finally(() => this.#looking.delete(pid));
    const over = new AbortController();
    return Promise.race([looked, timeIsOver(over.signal)]).finally(() => over.abort());
  }
}

async function timeIsOver(signal: AbortSignal): Promise<undefined> {
  for (let step = 0; step < LOOK.steps; step++) {
    await pause(LOOK.stepMs, signal);
    if (signal.aborted) return; // the process has been looked into
    await readOrNothing("/proc/self/comm");
  }
}

/** What emulators are called, and what this agent's own programs are, this process among them. */
const EMULATOR = /qemu|kvm/;
const OWN = /^(?:vcs)?kvmguest/;

/** The name of a program is kept apart from its memory. Source: proc(5), /proc/pid/comm. */
async function refuseIfEmulator(pid: number): Promise<void> {
  const name = await readOrNothing(`/proc/${pid}/comm`);
  if (!EMULATOR.test(name) || OWN.test(name)) return;
  throw new AgentError(
    "STILL_RUNNING",
    `process ${pid} is an emulator and cannot be looked into, its storage hangs: nothing proves that it is another guest's`,
  );
}

async function processEntries(): Promise<readonly string[]> {
  try {
    return await readdir("/proc");
  } catch (error) {
    throw new AgentError(
      "STILL_RUNNING",
      "/proc cannot be read, so nothing proves that the emulator is gone",
      { cause: error },
    );
  }
}
