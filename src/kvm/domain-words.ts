/**
 * The words of libvirt's domain states, as virsh prints them, by number.
 *
 * Source: libvirt-domain.h, virDomainState; virsh-domain-monitor.c for the words.
 */
const STATES = [
  "no state",
  "running",
  "idle",
  "paused",
  "in shutdown",
  "shut off",
  "crashed",
  "pmsuspended",
] as const;

export type StateWord = (typeof STATES)[number];

/** Source: libvirt-domain.h, virDomainRunningReason and its siblings. */
const REASONS: Readonly<Record<StateWord, readonly string[]>> = {
  "no state": ["unknown"],
  running: [
    "unknown",
    "booted",
    "migrated",
    "restored",
    "from snapshot",
    "unpaused",
    "migration canceled",
    "save canceled",
    "event wakeup",
    "crashed",
    "post-copy",
    "post-copy failed",
  ],
  idle: ["unknown"],
  paused: [
    "unknown",
    "user",
    "migrating",
    "saving",
    "dumping",
    "I/O error",
    "watchdog",
    "from snapshot",
    "shutting down",
    "creating snapshot",
    "crashed",
    "starting up",
    "post-copy",
    "post-copy failed",
    "api error",
  ],
  "in shutdown": ["unknown", "user"],
  "shut off": [
    "unknown",
    "shutdown",
    "destroyed",
    "crashed",
    "migrated",
    "saved",
    "failed",
    "from snapshot",
    "daemon",
  ],
  crashed: ["unknown", "panicked"],
  pmsuspended: ["unknown"],
};

/** A state in words; a number that no version known to us has stays visible as one. */
export interface DomainWords {
  readonly state: StateWord | undefined;
  readonly reason: string;
  /** `paused (I/O error)` */
  readonly text: string;
}

/** Translates libvirt's numbers. */
export function domainWords(state: number, reason: number): DomainWords {
  const word = STATES[state];
  if (word === undefined)
    return { state: undefined, reason: String(reason), text: `state ${state} (${reason})` };
  const why = REASONS[word][reason] ?? `reason ${reason}`;
  return { state: word, reason: why, text: `${word} (${why})` };
}

/**
 * Reasons of "shut off" that tell of an emulator which ended, and not because its guest left. A start that failed is
 * `failed`, also one to receive a migration: it ends no run. Source: libvirt-domain.h, virDomainShutoffReason.
 */
const ENDS: ReadonlySet<string> = new Set([
  "shutdown",
  "destroyed",
  "crashed",
  "saved",
  "from snapshot",
  "daemon",
]);

/** True when libvirt says of a domain, and remembers until it is restarted, that its emulator ended and did not leave. */
export function hasEnded({ state, reason }: DomainWords): boolean {
  return state === "shut off" && ENDS.has(reason);
}

/** True for a domain that a failed disk has paused. */
export function isStalled({ state, reason }: DomainWords): boolean {
  return state === "paused" && reason === "I/O error";
}
