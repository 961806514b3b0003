/** What the administrator wants done with a guest's saved memory at online. */
export type SavedMemoryPolicy = "restore" | "discard" | "refuse";

/** That a guest was saved on this host: kept from the reading that said so until the guest runs again. */
export interface SavedRecord {
  readonly uuid: string;
  /** When it was noticed, ISO 8601. */
  readonly at: string;
}

/** The memory of a guest that lies on this host's disk, as the platform tells of it. */
export interface SavedMemory {
  readonly uuid: string;
  readonly policy: SavedMemoryPolicy;
}

/** What the engine says of the system where a resource was ONLINE last. */
export type LastOnline =
  | { readonly kind: "here" }
  | { readonly kind: "elsewhere"; readonly system: string }
  | { readonly kind: "unknown"; readonly reason: string };

/** What to do with the memory, and why, for the operator. */
export interface SavedMemoryVerdict {
  readonly kind: "restore" | "discard" | "refuse";
  readonly why: string;
}

/** Facts of one moment about a guest whose memory is on this host's disk. */
export interface SavedMemoryFacts {
  readonly memory: SavedMemory;
  readonly record: SavedRecord | undefined;
  readonly lastOnline: LastOnline;
}

/**
 * Whether a guest may go on from its saved memory. Old memory over disks that the guest changed since, on another
 * host, destroys its file systems without a word: so only a guest that is proved to have been saved here, and to have
 * been ONLINE nowhere else since, is restored.
 */
export function savedMemoryVerdict({ memory, record, lastOnline }: SavedMemoryFacts): SavedMemoryVerdict {
  if (memory.policy === "refuse") return { kind: "refuse", why: "kvm.managedSave is refuse" };
  if (memory.policy === "discard") return { kind: "discard", why: "kvm.managedSave is discard" };
  const doubt = doubtOf(memory, record, lastOnline);
  if (doubt !== undefined) return { kind: "discard", why: doubt };
  return {
    kind: "restore",
    why: `it was saved here (seen ${record?.at}) and has been online nowhere else since`,
  };
}

function doubtOf(
  memory: SavedMemory,
  record: SavedRecord | undefined,
  lastOnline: LastOnline,
): string | undefined {
  if (record === undefined) return "nobody saw the guest being saved on this host";
  if (record.uuid !== memory.uuid)
    return `another guest of this name was saved here, with UUID ${record.uuid}`;
  if (lastOnline.kind === "here") return undefined;
  if (lastOnline.kind === "elsewhere") return `the guest was online on ${lastOnline.system} since`;
  return `the engine does not say where it was online last: ${lastOnline.reason}`;
}
