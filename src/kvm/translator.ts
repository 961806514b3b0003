import { bootId } from "../boot-id.ts";
import type { Log } from "../log.ts";
import type { Reading } from "../platform.ts";
import { INTENTIONAL_OFFLINE, OFFLINE, type ResourceState } from "../resource-state.ts";
import type { Causes, EndCause } from "./causes.ts";
import { type DomainWords, domainWords, hasEnded, isStalled } from "./domain-words.ts";
import { emulatorOf } from "./emulator.ts";
import type { DomainRef, DomainStateCode } from "./hypervisor.ts";
import { migrationSide, type SideParts } from "./migration-side.ts";
import { type MigrationSide, needsMigrationSide, verdictOf } from "./state-table.ts";

export interface TranslatorParts extends SideParts {
  readonly causes: Causes;
  readonly log: Log;
}

/** Turns what libvirt says of a domain into a reading, and remembers what later readings need. */
export class Translator {
  readonly #parts: TranslatorParts;
  readonly #bootId = bootId();

  constructor(parts: TranslatorParts) {
    this.#parts = parts;
  }

  /**
   * What a domain's state means, with what is known of it beside.
   *
   * @param count the causes' count when libvirt was asked
   */
  async reading(
    guest: string,
    domain: DomainRef,
    code: DomainStateCode,
    count: number,
    signal: AbortSignal,
  ): Promise<Reading> {
    const words = domainWords(code.state, code.reason);
    const { uuid } = domain;
    const side = needsMigrationSide(words)
      ? await migrationSide(this.#parts, { guest, uuid, words }, signal)
      : "none";
    const role = this.#role(guest, domain, words, side);
    const { gaveAway } = this.#parts.memories.of(guest);
    const verdict = verdictOf(role, side, this.#parts.settings().overrides);
    if (verdict.active === true) this.#parts.causes.seenActive(uuid, count, words.state === "running");
    await this.#remember(guest, domain, words);
    const ended = verdict.active === false ? this.#endOf(uuid, words) : undefined;
    const moved = movedOf(role, side, verdict.active, ended);
    const reason = sentence(words, verdict.why, ended);
    if (verdict.alarming) this.#alarm(guest, words, reason);
    const memory = this.#parts.memories.of(guest);
    // while a resume is tried, a moment of running is no end of the alarm
    if (verdict.alarming || performance.now() >= memory.triedUntil) memory.lastWords = words.text;
    return {
      state: this.#withPolicy(verdict.state, words, ended),
      reason,
      active: verdict.active,
      migrating: verdict.migrating,
      moved,
      ...underWay(role, side),
      ...(gaveAway === undefined ? {} : { gaveAway }),
      suspended: verdict.suspended,
      ...(isStalled(words) ? { stalled: true } : {}),
      uuid,
      ...(verdict.active === true ? this.#emulatorOf(guest, domain) : {}),
      source: "platform",
      ended,
      ...(hasEnded(words) && !isExplained(ended) ? { endedHere: words.text } : {}),
      saved: savedBy(words, verdict.active),
    };
  }

  /**
   * The words that say what the guest is here: those of its state but for an emulator on its way down whose guest went to
   * the target of a post-copy migration. It is what it was, also for a process that did not see it: its end brings nothing
   * back.
   */
  #role(guest: string, { id }: DomainRef, words: DomainWords, side: MigrationSide): DomainWords {
    const memory = this.#parts.memories.of(guest);
    const known = memory.gaveAway;
    if (isGoingDown(words) && known?.run === id) return GIVEN_AWAY[known.isBroken ? "broken" : "under way"];
    const isBroken = isSplit(words, side);
    const isGiven = isBroken || underWay(words, side).runsOnTarget === true;
    memory.gaveAway = isGiven ? { run: id, bootId: this.#bootId, isBroken } : undefined;
    return words;
  }

  /** One that stood still for the other host to take over, and is off now, may live there, whoever ended it unseen. */
  #endOf(uuid: string, { reason }: DomainWords): EndCause | undefined {
    const { causes } = this.#parts;
    return reason === "migrated" ? causes.endOf(uuid) : causes.endOfShutOff(uuid);
  }

  #emulatorOf(guest: string, { id, uuid }: DomainRef): Pick<Reading, "emulator"> {
    const { lastEmulator, runId } = this.#parts.memories.of(guest);
    if (lastEmulator?.uuid !== uuid || runId !== id) return {};
    const { pid, startTicks } = lastEmulator;
    return { emulator: { pid, startTicks, bootId: this.#bootId } };
  }

  #withPolicy(state: ResourceState, words: DomainWords, ended: EndCause | undefined): ResourceState {
    const wished =
      ended === "powered off from inside" && words.state === "shut off" && state.kind === "OFFLINE";
    return wished && this.#parts.settings().guestPowerOff === "intentional" ? INTENTIONAL_OFFLINE : state;
  }

  #alarm(guest: string, words: DomainWords, reason: string): void {
    if (this.#parts.memories.of(guest).lastWords === words.text) return;
    this.#parts.log.warn({ guest, reason }, "guest is in an alarming state");
  }

  /** A domain that libvirt does not know: a normal standby host. */
  undefinedHere(guest: string): Reading {
    const memory = this.#parts.memories.of(guest);
    memory.readings += 1;
    memory.emulator = undefined;
    const ended = memory.uuid === undefined ? undefined : this.#parts.causes.endOf(memory.uuid);
    const moved = ended === undefined ? undefined : movedByEnd(ended);
    return {
      state: OFFLINE,
      reason: `not defined on this host${ended === undefined ? "" : `; its last run ended: ${ended}`}`,
      active: false,
      migrating: false,
      moved,
      suspended: undefined,
      uuid: memory.uuid,
      source: "platform",
      ended,
      ...(ended !== undefined && ENDS_OF_RUNS.has(ended) ? { endedHere: ended } : {}),
      saved: "no",
    };
  }

  /** Keeps the emulator's identity, read once a run; it speaks for the guest only while that is running. */
  async #remember(guest: string, domain: DomainRef, words: DomainWords): Promise<void> {
    const memory = this.#parts.memories.of(guest);
    memory.uuid = domain.uuid;
    memory.readings += 1;
    const runs = words.state === "running" || words.state === "idle";
    if (!runs) memory.emulator = undefined;
    const known = runs ? memory.emulator : memory.lastEmulator;
    if (domain.id < 0 || (known?.uuid === domain.uuid && memory.runId === domain.id)) return;
    const turn = memory.readings;
    const facts = await emulatorOf(this.#parts.settings().runDirectory, guest);
    if (memory.readings !== turn) return;
    memory.runId = domain.id;
    const emulator = facts?.uuid === domain.uuid ? facts : undefined;
    memory.emulator = runs ? emulator : undefined;
    memory.lastEmulator = emulator ?? memory.lastEmulator;
  }
}

/** What is here of a guest in post-copy. */
const GIVEN_AWAY = {
  "under way": { state: "paused", reason: "post-copy", text: "paused (post-copy)" },
  broken: { state: "paused", reason: "post-copy failed", text: "paused (post-copy failed)" },
} as const satisfies Record<string, DomainWords>;

/** Ends that leave no doubt that the run was one of this host; in the last moment of a migration it may live elsewhere. */
const ENDS_OF_RUNS: ReadonlySet<EndCause> = new Set([
  "powered off from inside",
  "terminated on the host",
  "destroyed on the host",
  "crashed or killed",
  "panicked",
  "saved",
  "reverted to a snapshot",
]);

/** The end is this agent's own doing, or came at the hand-over of a migration, which is weighed as such. */
function isExplained(ended: EndCause | undefined): boolean {
  return ended === "stopped by this agent" || ended === "ended at the hand-over of a migration";
}

/** What is said of a migration that is over, by the state's reason or, where libvirt keeps none, by the last event. */
function movedOf(
  words: DomainWords,
  side: MigrationSide,
  active: boolean | undefined,
  ended: EndCause | undefined,
): Reading["moved"] {
  if (active === true) {
    const came = words.state === "running" && ["migrated", "post-copy"].includes(words.reason);
    if (came) return "here";
    if (isStuck(words, side)) return "stuck";
    return isSplit(words, side) ? "split" : undefined;
  }
  if (active === undefined) return undefined;
  if (words.state === "shut off" && words.reason === "migrated") return "away";
  return ended === undefined ? undefined : movedByEnd(ended);
}

/** By libvirt's words alone: the configuration may answer otherwise, and changes nothing of what must not be ended. */
function underWay(
  { state, reason }: DomainWords,
  side: MigrationSide,
): Pick<Reading, "incoming" | "runsOnTarget"> {
  if (state !== "paused") return {};
  if (reason === "post-copy") return { runsOnTarget: true };
  const mayReceive = reason === "migrating" || reason === "starting up";
  return mayReceive && side === "incoming" ? { incoming: true } : {};
}

/** A domain that was restored without being resumed looks the same; where it runs elsewhere, it is none. */
function isStuck({ state, reason }: DomainWords, side: MigrationSide): boolean {
  return state === "paused" && reason === "migrating" && side === "none";
}

function isGoingDown({ state, reason }: DomainWords): boolean {
  return state === "in shutdown" || (state === "paused" && reason === "shutting down");
}

function isSplit({ state, reason }: DomainWords, side: MigrationSide): boolean {
  return state === "paused" && reason === "post-copy failed" && side !== "incoming";
}

function movedByEnd(ended: EndCause): Reading["moved"] {
  if (ended === "migrated away") return "away";
  return ended === "ended at the hand-over of a migration" ? "unclear" : undefined;
}

/** libvirt forgets the reason when it is restarted, but not the memory that it saved. */
function savedBy({ text }: DomainWords, active: boolean | undefined): Reading["saved"] {
  if (text === "shut off (saved)") return "yes";
  return active === undefined || text === "shut off (unknown)" ? "unknown" : "no";
}

function sentence(words: DomainWords, why: string, ended: string | undefined): string {
  const parts = [
    `libvirt says ${words.text}`,
    why,
    ended === undefined ? "" : `its last run ended: ${ended}`,
  ];
  return parts.filter((part) => part !== "").join("; ");
}
