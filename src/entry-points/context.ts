import type { AnswerFacts } from "../answer.ts";
import type { Attributes } from "../attributes.ts";
import type { Log } from "../log.ts";
import type { Platform, Reading } from "../platform.ts";
import type { LastOnline, SavedRecord } from "../saved-memory.ts";

/** What every entry point of one resource works with. */
export interface GuestContext {
  readonly resource: string;
  readonly attributes: Attributes;
  readonly platform: Platform;
  readonly log: Log;
}

/** What online needs beside it. */
export interface OnlineContext extends GuestContext {
  /** The site of this system; undefined where no sites are configured, or it is in none. */
  readonly site: string | undefined;
  /** Called before the start is asked: from then on it may happen, whatever becomes of the answer. */
  onStarting(): Promise<void>;
  /** Called when the definition was taken over from SyncDir: ResyncVMCfg has been obeyed. */
  onResynced(): void;
  /** That the guest was saved on this host, if somebody saw it. */
  readonly savedRecord: SavedRecord | undefined;
  /** Asks the engine where the resource was ONLINE last. */
  readonly lastOnline: (signal: AbortSignal) => Promise<LastOnline>;
}

/** What offline needs beside the rest. */
export interface OfflineContext extends GuestContext {
  /** Throws REFUSED while a migration of the guest is not decided, and when it is proved to have left. */
  readonly refuseIfUndecided: (signal: AbortSignal) => Promise<void>;
}

/** What clean needs beside it. */
export interface CleanContext extends GuestContext {
  /** A start was asked before whose answer nobody got. */
  readonly startMayBePending: boolean;
}

/** What monitor needs beside it: the facts about the resource as they stand when it asks. */
export interface MonitorContext extends GuestContext {
  facts(reading: Reading): AnswerFacts;
  /** Brings facts up to date that may change the answer for a reading at hand; may take a second. */
  refresh(): Promise<void>;
  /** Takes in what a reading shows beyond its state, before the engine is told of it. */
  note(reading: Reading): Promise<void>;
  /** Grows at every event of the guest and at the end of every operation on it. */
  epoch(): number;
  /** How long the hypervisor is waited for before other proof is looked for; leaves time for that. */
  readonly patienceMs: number;
}

/** How a stop ended: whether the emulator is proved gone. */
export interface StopResult {
  readonly stopped: boolean;
}
