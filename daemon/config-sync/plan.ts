/** The attribute that has a system take the configuration over. Source: KVMGuest resource type definition. */
const ATTRIBUTE = "ResyncVMCfg";

/** What the engine says of one resource at one moment. */
export interface ResourceFacts {
  readonly resource: string;
  /** SystemList of its group. */
  readonly systems: readonly string[];
  readonly onlineOn: readonly string[];
  /** The folder for copies, as the source has it; empty when it is not set. */
  readonly syncDir: string;
  /** Whether each system has a ResyncVMCfg of its own. */
  readonly isLocal: boolean;
}

/** One call of `hares`, and what it means for the operator. */
export interface Step {
  readonly args: readonly string[];
  readonly system: string | undefined;
  /** Told when it succeeded; undefined: what the command itself prints. */
  readonly done: string | undefined;
  /** Whether the steps after it make sense when it fails. */
  readonly mayFail: boolean;
}

/** What is to be done for one resource. */
export type SyncPlan =
  | { readonly kind: "steps"; readonly steps: readonly Step[]; readonly note: string | undefined }
  | { readonly kind: "impossible"; readonly why: string };

/** The system whose configuration counts, or why there is none. */
export function sourceOf(
  { systems, onlineOn }: Pick<ResourceFacts, "systems" | "onlineOn">,
  given: string | undefined,
): { readonly source: string } | { readonly why: string } {
  if (given !== undefined) {
    const isMember = systems.includes(given);
    return isMember ? { source: given } : { why: `${given} is not among its systems: ${systems.join(", ")}` };
  }
  const [source, ...others] = onlineOn;
  if (source === undefined)
    return { why: "it is ONLINE nowhere: name the system that has the right configuration with -sys" };
  if (others.length > 0)
    return { why: `it is ONLINE on ${onlineOn.join(", ")}: name the right one of them with -sys` };
  return { source };
}

/** Plans one resource; does nothing itself. */
export function planSync(facts: ResourceFacts, source: string): SyncPlan {
  const { resource, systems, onlineOn, syncDir, isLocal } = facts;
  if (syncDir === "")
    return { kind: "impossible", why: "SyncDir is not set, there is no place for the copy" };
  const others = systems.filter((system) => system !== source);
  const save: Step = {
    args: ["-action", resource, "vmconfigsync", "-sys", source],
    system: source,
    done: undefined,
    mayFail: false,
  };
  const makeLocal: Step = {
    args: ["-local", resource, ATTRIBUTE],
    system: undefined,
    done: `${ATTRIBUTE} is now one for each system`,
    mayFail: false,
  };
  const mark = (system: string): Step => ({
    args: ["-modify", resource, ATTRIBUTE, "1", "-sys", system],
    system,
    done: "takes it over at its next online",
    mayFail: true,
  });
  const replaced = onlineOn.filter((system) => system !== source);
  return {
    kind: "steps",
    steps: [save, ...(isLocal || others.length === 0 ? [] : [makeLocal]), ...others.map(mark)],
    note:
      replaced.length === 0
        ? undefined
        : `it is ONLINE on ${replaced.join(", ")}, whose configuration is replaced at its next online`,
  };
}
