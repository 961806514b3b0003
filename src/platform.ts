import type { EventEmitter } from "eventemitter3";
import type { Attributes } from "./attributes.ts";
import type { Beats } from "./beat.ts";
import type { AskedMigration, MigrationEnd, MigrationPlan, Whereabouts } from "./migration.ts";
import type { PayloadFile } from "./payload-file.ts";
import type { ResourceState } from "./resource-state.ts";
import type { SavedMemory } from "./saved-memory.ts";

/** One look at one guest on this host: what the platform said, translated, with the words for the operator. */
export interface Reading {
  readonly state: ResourceState;
  readonly reason: string;
  /** Whether the guest holds an emulator (and so its disks) here; undefined when the platform cannot say. */
  readonly active: boolean | undefined;
  /** Whether a migration in either direction is under way: such a guest may be active on two hosts. */
  readonly migrating: boolean;
  /**
   * What the platform says of a migration that is over: `away`, it left; `here`, it runs since it arrived; `unclear`, its
   * emulator ended in the moment in which the other host takes over, so it may live there; `stuck`, it stands still here
   * as for that moment though no migration runs, and may live there too; `split`, a migration broke after it had begun to
   * run on the other host, so each host has a part of its memory.
   */
  readonly moved: "away" | "here" | "unclear" | "stuck" | "split" | undefined;
  /** Set while it comes by a migration: it runs here soon, or nothing of it is left. Whatever `state` is made of that. */
  readonly incoming?: true;
  /** Set while it runs on the target of its migration, which needs the memory that is here. Whatever `state` says. */
  readonly runsOnTarget?: true;
  /** Set while the emulator here belongs to a guest that went to the target of a post-copy, also on its way down. */
  readonly gaveAway?: GivenAwayRun | undefined;
  /** Set when somebody or the guest itself suspended it and `wake` can bring it back. */
  readonly suspended: "paused" | "asleep" | undefined;
  /** Set when the hypervisor paused it because a disk failed: it can go on when the disk is back. */
  readonly stalled?: true;
  /** Set while its memory is being saved, or while it reboots: what can be done with it shows in a moment. */
  readonly passing?: true;
  readonly uuid: string | undefined;
  /** The emulator of a guest that is active, where it was seen: once it dies slowly, it no longer shows whose it is. */
  readonly emulator?: EmulatorProcess | undefined;
  /** Who said so: the hypervisor, or the emulator process alone because the hypervisor did not answer. */
  readonly source: "platform" | "emulator";
  /** How the guest's last run here ended, in words, when that is known. */
  readonly ended: string | undefined;
  /** Set when the platform says that an emulator of the guest ended on this host, and not because the guest left: how. */
  readonly endedHere?: string | undefined;
  /** Whether that run ended with its memory saved; unknown: it does not run, and why is forgotten. */
  readonly saved: "yes" | "no" | "unknown";
}

/** A guest's definition as its next start would use it, in the platform's own format. */
export interface GuestDefinition {
  readonly text: string;
  /** Whether the guest held an emulator here when it was taken. */
  readonly active: boolean;
}

/** What `prepare` did. */
export interface Prepared {
  /** The definition was taken over from SyncDir because ResyncVMCfg asked for it. */
  readonly resynced: boolean;
}

/**
 * What a platform publishes. Hints only: the listener reads the state itself. `source` is who is asked for states, as
 * operators know it: `libvirt`, or the URL of a manager without user and password.
 */
export interface PlatformEvents {
  /** Something happened to this guest. */
  changed: [guest: string];
  /** A new start of the guest: with a new emulator, or a reboot within its old one. `changed` comes too. */
  started: [guest: string];
  /** A session stands and all states have been read once; what happened before sent no event. */
  connected: [source: string];
  /** The session is gone, or has failed to come; the reason is for the operator. */
  lost: [source: string, reason: string];
  /** No guest needs this source any more. */
  dropped: [source: string];
  /** A request to a manager ended: it was granted, refused (any other status), or failed without an answer. */
  requested: [source: string, outcome: RequestOutcome];
}

/** What became of one request to a manager. */
export type RequestOutcome = "granted" | "refused" | "failed";

/** How long a forced stop may take, and when it stops waiting for the hypervisor. */
export interface StopBudget {
  /** milliseconds after which the platform may end the emulator itself */
  readonly patienceMs: number;
  /** A start of this guest was asked, perhaps by an earlier process, whose answer nobody got. */
  readonly startMayBePending: boolean;
}

/** A process on this host: its pid alone proves nothing, since the kernel gives pids again. */
export interface EmulatorProcess {
  readonly pid: number;
  /** When it was started, in the kernel's own count since the boot. */
  readonly startTicks: string;
  readonly bootId: string;
}

/** A run of a guest on this host that a post-copy migration took to another one; its end here brings nothing back. */
export interface GivenAwayRun {
  /** A number that each start of the guest on this host changes, in one boot of it. */
  readonly run: number;
  readonly bootId: string;
  /** The migration broke after that, so each host has a part of the memory. */
  readonly isBroken: boolean;
}

/** What is kept of a guest across restarts of the agent, for the platform. */
export interface RecalledGuest {
  readonly uuid?: string | undefined;
  readonly emulator?: EmulatorProcess | undefined;
  readonly gaveAway?: GivenAwayRun | undefined;
}

/** What is asked of the agent that runs inside a guest. */
export interface AgentQuestion {
  /** whole seconds that the agent is given for each of its commands */
  readonly timeoutS: number;
  /** Whether it is asked what name the guest gives itself. */
  readonly wantsHostName: boolean;
}

/**
 * What came of the question. `run` is a number that each start of the guest on this host changes.
 *
 * - `answered`: the agent is well; `frozen` while it holds the guest's file systems for a snapshot. `hostName` is
 *   undefined when it was not asked for or the agent cannot tell it
 * - `silent`: the hypervisor says that the agent of the running guest does not answer
 * - `no channel`: the guest's definition has no channel to an agent
 * - `held up`: the guest is there and nobody can expect an answer: paused, asleep, migrating
 * - `off`: it does not run here
 * - `unreadable`: the hypervisor did not answer, or cannot ask now; says nothing of the guest
 * - `not available`: this platform knows no agents
 */
export type AgentAnswer =
  | {
      readonly kind: "answered";
      readonly run: number;
      readonly frozen: boolean;
      readonly hostName: string | undefined;
    }
  | { readonly kind: "silent"; readonly run: number; readonly reason: string }
  | { readonly kind: "no channel"; readonly run: number }
  | { readonly kind: "held up" | "unreadable"; readonly reason: string }
  | { readonly kind: "off" | "not available" };

/** One thing that validation of a resource's environment found. */
export interface Finding {
  readonly level: "warn" | "info";
  readonly text: string;
}

/**
 * All that the agent needs of a virtualization environment. Everything is by guest name, every wait takes
 * a signal, and all methods throw AgentError only.
 */
export interface Platform {
  readonly events: EventEmitter<PlatformEvents>;

  /** Keeps the sessions alive until the signal aborts; never throws. */
  run(beats: Beats, signal: AbortSignal): Promise<void>;

  /**
   * Reads one guest, beginning after the call. An undefined guest is a reading (OFFLINE), not an error.
   *
   * @param patienceMs how long the hypervisor is waited for at most before other proof is looked for
   * @throws {AgentError} PLATFORM_DOWN, NOT_ALLOWED, TIMED_OUT when nothing can be proved
   */
  read(guest: string, signal: AbortSignal, patienceMs?: number): Promise<Reading>;

  /** Reads many guests at the cost of about one call; guests that are not defined here are included. */
  readAll(guests: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, Reading>>;

  /** Resolves at the next hint about this guest, or after the time, or when the signal aborts. */
  nextChange(guest: string, maxMs: number, signal: AbortSignal): Promise<void>;

  /** Brings the definition in place that the attributes ask for. Never touches an active guest. */
  prepare(attributes: Attributes, signal: AbortSignal): Promise<Prepared>;

  /**
   * Gives a guest that does not run a virtual CD-ROM with this file at its next start, in place of one of ours; undefined:
   * takes one of ours away, which is logged and no failure when it cannot be done. Other CD-ROMs are left as they are.
   *
   * In RHEV, with a payload, a guest of another cluster of the data centre is first moved to this host's cluster.
   *
   * @throws {AgentError} REFUSED and others: the guest would start without it
   */
  setPayload(attributes: Attributes, payload: PayloadFile | undefined, signal: AbortSignal): Promise<void>;

  /** The guest's memory, when it lies saved on this host. */
  savedMemory(guest: string, signal: AbortSignal): Promise<SavedMemory | undefined>;

  /**
   * Boots a defined guest; succeeds when it is active already. Waits for a start that an earlier call left behind. What
   * lies saved of its memory is removed, whenever it came there.
   */
  start(guest: string, signal: AbortSignal): Promise<void>;

  /** As start, but the guest goes on from its saved memory where there is one. */
  restore(guest: string, signal: AbortSignal): Promise<void>;

  /** Resumes a paused guest or wakes a sleeping one. */
  wake(guest: string, how: "paused" | "asleep", signal: AbortSignal): Promise<void>;

  /** Asks the guest once to shut down; a guest that has stopped meanwhile is no error. */
  requestShutdown(guest: string, signal: AbortSignal): Promise<void>;

  /** The guest did not heed the request: an end that comes later has another cause. */
  withdrawStop(guest: string): void;

  /**
   * Ends the guest by force.
   *
   * @throws {AgentError} STILL_RUNNING when it cannot be proved that no emulator of this guest is left
   */
  destroy(guest: string, budget: StopBudget, signal: AbortSignal): Promise<void>;

  /** @throws {AgentError} GUEST_NOT_FOUND, PLATFORM_DOWN, TIMED_OUT */
  takeDefinition(guest: string, signal: AbortSignal): Promise<GuestDefinition>;

  /**
   * Brings the copy in SyncDir up to date.
   *
   * @throws {AgentError} REFUSED, BAD_ATTRIBUTE, TIMED_OUT: the copy that was there is as it was
   */
  saveDefinition(
    attributes: Attributes,
    definition: GuestDefinition,
    signal: AbortSignal,
  ): Promise<"written" | "unchanged">;

  /** Throws STILL_RUNNING when an emulator of this guest exists on this host. */
  proveStopped(guest: string, signal: AbortSignal): Promise<void>;

  /**
   * Moves a live guest to another system and reads both ends until the end is known. A copy is destroyed only where the
   * other end proves that it cannot be the live one.
   *
   * A signal that aborts with CANCELLED (a clean) ends the migration first; one that aborts for another reason leaves it to
   * the hypervisor.
   *
   * @throws {AgentError} REFUSED and others before anything was asked: the guest is as it was
   */
  migrate(guest: string, plan: MigrationPlan, signal: AbortSignal): Promise<MigrationEnd>;

  /**
   * Reads both ends of a migration whose end is not known, and decides as migrate does; undefined while it still runs.
   */
  whereIs(guest: string, known: Whereabouts, signal: AbortSignal): Promise<MigrationEnd | undefined>;

  /**
   * Aborts a migration of the guest whose time is over, if it is the one that was asked for then. One that somebody else
   * asked for is left alone, and one where the guest runs on the target already (post-copy).
   *
   * @returns true when the hypervisor took the abort; whereIs tells its end
   * @throws {AgentError} it runs on, or cannot be looked at
   */
  abortOverdue(
    guest: string,
    known: Whereabouts & { readonly asked: AskedMigration },
    signal: AbortSignal,
  ): Promise<boolean>;

  /**
   * Looks whether the guest is active on another system of the cluster, for a few seconds at most. A system that cannot
   * be read is logged, or refuses too, as configured.
   *
   * @throws {AgentError} REFUSED, naming the system, when the guest is or may be active there
   */
  refuseIfElsewhere(guest: string, signal: AbortSignal): Promise<void>;
  /** Asks the agent inside the guest whether it is well. Only the caller's own signal makes it throw. */
  askAgent(guest: string, question: AgentQuestion, signal: AbortSignal): Promise<AgentAnswer>;

  /**
   * Lets a guest go on that is paused because a disk failed, and only such a one.
   *
   * @returns false when it is not paused for that reason any more
   */
  resumeStalled(guest: string, signal: AbortSignal): Promise<boolean>;

  /** Ends what would start the guest outside the cluster (autostart), as configured; failures are logged. */
  claim(guest: string, signal: AbortSignal): Promise<void>;

  /** Checks what a resource needs of its environment; an empty list means all is well. */
  validate(attributes: Attributes, signal: AbortSignal): Promise<readonly Finding[]>;

  /** Tells what an earlier process of the agent knew of a guest. What was read since then is newer. */
  recall(guest: string, known: RecalledGuest): void;

  /** Drops what is remembered of a guest that is no longer kept. */
  forget(guest: string): void;
}
