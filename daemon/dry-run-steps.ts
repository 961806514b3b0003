import type { Answer } from "../src/answer.ts";
import { type Attributes, environmentOf } from "../src/attributes.ts";
import { cleanReasonText } from "../src/entry-points/clean.ts";
import type { MigrationRecord } from "../src/migration.ts";
import type { Reading } from "../src/platform.ts";
import type { EntryPoint } from "../src/request.ts";
import { monitorExitCode, stateText } from "../src/resource-state.ts";
import type { ActionName } from "./actions.ts";

/** Exit codes are eight bits. */
const LARGEST_EXIT_CODE = 255;

/** What is known when an entry point is tried without doing anything. */
export interface DryRunFacts {
  readonly attributes: Attributes;
  /** Undefined: the guest could not be read. */
  readonly reading: Reading | undefined;
  /** What monitor would answer; undefined as above. */
  readonly answer: Answer | undefined;
  /** What works on the guest now. */
  readonly operation: string | undefined;
  readonly migration: MigrationRecord | undefined;
  readonly budgetMs: number;
  /** Why the engine would run clean. */
  readonly reason: number | undefined;
  /** Where the guest would migrate to. */
  readonly target: string | undefined;
}

type Steps = (facts: DryRunFacts) => readonly string[];

/** One row for each entry point that concerns a guest, and for each action: what it asks and does, in order. */
const STEPS: Readonly<Record<Exclude<EntryPoint, "shutdown" | "close"> | ActionName, Steps>> = {
  open: () => [
    "the resource is registered, on disk too, and watched from now on; what the engine was told before is forgotten",
    "autostart is looked at, and cleared as configured (kvm.autostart)",
    "exit code 0",
  ],
  monitor: (facts) => [
    `${askedOf(facts)} is asked for the guest's state`,
    facts.answer === undefined
      ? "nothing is proved: UNKNOWN, exit code 99"
      : `answered is ${stateText(facts.answer.state)}, exit code ${monitorExitCode(facts.answer.state)}: ${facts.answer.reason}`,
  ],
  online: (facts) => [...afterOperation(facts), ...(whileUndecided(facts, "started") ?? online(facts))],
  offline: (facts) => [...afterOperation(facts), ...offline(facts)],
  clean,
  migrate: (facts) => [
    ...afterOperation(facts),
    ...(whileUndecided(facts, "migrated") ?? migrate(facts)),
    "exit code 0 in any case; the monitors tell where the guest is",
  ],
  attr_changed: (facts) => [
    "the engine is asked for the attributes as they are now (hares -value)",
    ...afterOperation(facts),
    "they are in force, and what the guest needs of this host is checked; findings go to the log",
    "exit code 0",
  ],
  guestmigrated: (facts) => [
    facts.operation === undefined
      ? "the guest is read here, and where that is no proof, on the other systems"
      : `refused: ${facts.operation} runs for the guest`,
    "if it is proved to have left by a migration, that is recorded, the engine is asked to probe, exit code 0; else exit code 1",
  ],
  vmconfigsync: (facts) => [
    ...afterOperation(facts),
    facts.attributes.syncDir === undefined
      ? "refused: SyncDir is not set; exit code 1"
      : `the definition is taken and its copy in ${facts.attributes.syncDir} brought up to date; exit code 0, or 1 with the reason`,
  ],
  DevScan: ({ attributes }) =>
    environmentOf(attributes) === "rhev"
      ? [
          "a scan is started as a job, or the one that was started is told of",
          "it runs the device command, may send hosts of the cluster to maintenance until the SPM is here, and activates them again",
        ]
      : ["refused: for guests of RHEV-M only (RHEVMInfo.Enabled = 1); exit code 1"],
};

/** What an entry point or action would ask and do, in order: sentences for the operator. */
export function stepsOf(name: keyof typeof STEPS, facts: DryRunFacts): readonly string[] {
  return STEPS[name](facts);
}

function online({ attributes, reading, ...facts }: DryRunFacts): readonly string[] {
  if (reading === undefined) return ["the guest is read first; what follows depends on that"];
  if (reading.incoming === true || reading.passing === true)
    return [`waits until the guest has come to a rest: ${reading.reason}`];
  if (reading.migrating) return [`refused, the guest is left alone: it is migrating (${reading.reason})`];
  if (reading.active !== true) return start({ ...facts, attributes, reading });
  if (reading.suspended !== undefined)
    return [
      "the other systems are asked whether they run the guest; if one does: refused",
      `the guest is brought back (${reading.suspended}), exit code 0`,
    ];
  if (reading.state.kind !== "ONLINE")
    return [`refused, what is left of the guest is in the way (${reading.reason}); clean removes it`];
  return [`nothing is done, the guest runs already (${reading.reason}); exit code 0`];
}

function start({ attributes }: DryRunFacts): readonly string[] {
  const { delayAfterGuestOnlineS, guestConfigFilePath, syncDir, resyncVmCfg, drOpts } = attributes;
  const isRhev = environmentOf(attributes) === "rhev";
  const definition =
    resyncVmCfg && syncDir !== undefined
      ? `the definition is taken over from SyncDir ${syncDir} (ResyncVMCfg)`
      : `the definition of libvirt is used${guestConfigFilePath === undefined ? "" : `; a guest that is not defined is defined from ${guestConfigFilePath}`}`;
  return [
    ...(isRhev ? [] : [definition, "/proc is searched: if an emulator of the guest lives here, refused"]),
    "the other systems are looked at: if one runs the guest, refused",
    ...(drOpts.configureNetwork ? ["the guest gets a CD-ROM with its network settings (DROpts)"] : []),
    `${isRhev ? "RHEV-M" : "libvirt"} is asked to start the guest`,
    `exit code ${Math.min(delayAfterGuestOnlineS, LARGEST_EXIT_CODE)}: so many seconds the framework waits before its monitor (DelayAfterGuestOnline)`,
  ];
}

function offline(facts: DryRunFacts): readonly string[] {
  const { attributes, reading, budgetMs } = facts;
  const waitS = Math.min(attributes.delayAfterGuestOfflineS, Math.floor(budgetMs / 1000));
  const from = "from here on the guest is answered ONLINE until it is proved gone";
  if (reading?.active === false)
    return [from, `nothing is asked, it does not run (${reading.reason}); that is proved, exit code 0`];
  return [
    from,
    ...(reading?.suspended === undefined
      ? []
      : ["it is suspended: it is brought back first, unless another system runs it"]),
    `${askedOf(facts)} is asked to shut the guest down, again and again for ${waitS} s at most (DelayAfterGuestOffline)`,
    "exit code 0; a guest that runs on is left to the engine, whose next step is clean: offline destroys nothing",
  ];
}

function clean(facts: DryRunFacts): readonly string[] {
  const { attributes, operation, reading, reason, budgetMs } = facts;
  const isRhev = environmentOf(attributes) === "rhev";
  if (reading?.active === true && (reading.moved === "split" || reading.runsOnTarget === true))
    return ["refused while the target of its migration runs the guest and needs what is here; exit code 1"];
  const force = isRhev
    ? ["RHEV-M is asked to stop the guest at once, and asked until it says that it is down"]
    : [
        `libvirt is asked to destroy it; after ${Math.round(budgetMs / 2000)} s without an end its emulator is ended: SIGTERM, then SIGKILL`,
        "/proc is searched: only when no emulator of the guest is left, the clean succeeds",
      ];
  return [
    ...(operation === undefined || operation === "clean"
      ? []
      : [`${operation}, which runs now, is cancelled`]),
    `the guest is ended by force (reason: ${cleanReasonText(reason)})`,
    ...force,
    "exit code 0 when it is proved gone, else 1, and the engine calls again",
  ];
}

function migrate({ attributes, reading, target }: DryRunFacts): readonly string[] {
  if (target === undefined) return ["refused: VCSInfo names no target host"];
  const isWell = reading?.state.kind === "ONLINE" && reading.state.confidence === 100;
  if (reading !== undefined && (reading.migrating || !(isWell || reading.suspended === "paused")))
    return [`refused: the guest does not run well enough here to be moved (${reading.reason})`];
  const how = environmentOf(attributes) === "rhev" ? "RHEV-M" : "this host's libvirtd";
  return [
    `${target} is asked whether it can take the guest; if not: refused`,
    `that a migration is under way is recorded on disk, then ${how} is asked to move the guest to ${target}, live`,
    "both ends are read until they tell where the guest is",
  ];
}

function afterOperation({ operation }: DryRunFacts): readonly string[] {
  return operation === undefined ? [] : [`waits until ${operation} of the guest has ended`];
}

/** What stands in the way of everything else; undefined when nothing does. */
function whileUndecided({ migration }: DryRunFacts, doing: string): readonly string[] | undefined {
  if (migration?.kind !== "moving" && migration?.kind !== "doubtful") return undefined;
  const to = migration.peer ?? "another host";
  return [
    `both ends of its migration to ${to} are read first; unless they prove that it is here, it is not ${doing}`,
  ];
}

function askedOf({ attributes }: DryRunFacts): string {
  return environmentOf(attributes) === "rhev" ? "RHEV-M" : "libvirt";
}
