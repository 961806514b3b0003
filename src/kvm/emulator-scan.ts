import { readdir } from "node:fs/promises";
import { AgentError } from "../agent-error.ts";
import { type EmulatorFacts, emulatorAt, isNamed, liveArguments, valueAfter } from "./emulator-facts.ts";

/** Which guest a scan of /proc looks for. The name serves only while no UUID was ever read. */
export type EmulatorQuery = { readonly uuid: string } | { readonly name: string };

/** A process that was started as emulators are. */
interface Candidate {
  readonly pid: number;
  readonly args: readonly string[];
}

/**
 * Finds emulators by walks through all of /proc, hundreds of files each. When the engine opens all its resources
 * at once, those who ask during a walk share the next: each answer rests on a walk that began after the question.
 */
export class EmulatorScan {
  #walking: Promise<unknown> | undefined;
  #next: Promise<readonly Candidate[]> | undefined;

  /**
   * Finds all emulators of a guest on this host that hold anything, whoever started them.
   *
   * @throws {AgentError} STILL_RUNNING when /proc cannot be read: then nothing is proved
   */
  async find(query: EmulatorQuery): Promise<readonly EmulatorFacts[]> {
    this.#next ??= this.#walk();
    const found: EmulatorFacts[] = [];
    for (const { pid, args } of await this.#next) {
      const fits = "uuid" in query ? valueAfter(args, "-uuid") === query.uuid : isNamed(args, query.name);
      const facts = fits ? await emulatorAt(pid) : undefined;
      if (facts !== undefined) found.push(facts);
    }
    return found;
  }

  async #walk(): Promise<readonly Candidate[]> {
    await this.#walking?.catch(() => undefined); // its own askers are told
    this.#next = undefined;
    const walk = candidates();
    this.#walking = walk;
    return walk;
  }
}

async function candidates(): Promise<readonly Candidate[]> {
  const found: Candidate[] = [];
  for (const entry of await processEntries()) {
    if (!/^\d+$/.test(entry)) continue;
    const pid = Number(entry);
    const args = await liveArguments(pid);
    if (args.includes("-uuid") || args.includes("-name")) found.push({ pid, args });
  }
  return found;
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
