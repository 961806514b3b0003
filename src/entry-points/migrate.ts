import { AgentError } from "../agent-error.ts";
import { environmentOf } from "../attributes.ts";
import type { MigrationEnd, MigrationProgress } from "../migration.ts";
import type { Reading } from "../platform.ts";
import type { GuestContext } from "./context.ts";

/** Progress goes to the log this often; whoever looks sees each step. */
const PROGRESS_LOG_MS = 10_000;

/** The end of an aborted migration, and the reading of both ends, need this share of the time, within these bounds. */
const END = { share: 0.2, leastMs: 2000, mostMs: 30_000 } as const;

/** What migrate needs beside the rest. */
export interface MigrateContext extends GuestContext {
  /** The VCS system that the engine named. */
  readonly target: string | undefined;
  /** The name of this system. */
  readonly system: string;
  /** The site of a system, for guests of plain KVM; undefined where no sites are configured. */
  readonly siteOf: (system: string) => string | undefined;
  /** Called before the migration is asked for, with the time after which it is to be aborted. */
  readonly onMoving: (uuid: string, abortAfterMs: number) => Promise<void>;
  readonly onProgress: (progress: MigrationProgress) => void;
}

/**
 * Moves the guest to another system, live. What cannot be is refused before anything is asked of the hypervisor; a
 * migration that fails leaves the guest where it runs.
 *
 * @param budgetMs the whole time there is; the migration is aborted so early that its end can still be read
 * @throws {AgentError} TIMED_OUT, CANCELLED: it may go on, and the hypervisor carries it through; REFUSED, BAD_ATTRIBUTE
 * and others: nothing was asked for, the guest is as it was
 */
export async function migrate(
  context: MigrateContext,
  budgetMs: number,
  signal: AbortSignal,
): Promise<MigrationEnd> {
  const abortAt = performance.now() + budgetMs - endMs(budgetMs);
  const { attributes, platform, log } = context;
  const guest = attributes.guestName;
  const target = targetOf(context);
  refuseUnlessMovable(guest, target, await platform.read(guest, signal));
  const abortAfterMs = abortAt - performance.now();
  if (abortAfterMs <= 0) throw refusal(guest, target, "its time was over before it could begin");
  const plan = {
    target,
    abortAfterMs,
    onMoving: async (uuid: string) => {
      await context.onMoving(uuid, abortAt - performance.now());
      log.info({ target }, "guest is being migrated");
    },
    onProgress: progressTo(context, target),
  };
  const end = await platform.migrate(guest, plan, signal);
  const fields = { target, end: end.kind, reason: end.why };
  if (end.kind === "moved") log.info(fields, "guest has migrated");
  else log.error(fields, "guest has not migrated");
  return end;
}

/** The time that is kept for the end. */
function endMs(budgetMs: number): number {
  return Math.min(Math.max(budgetMs * END.share, END.leastMs), END.mostMs);
}

/** What can be refused without looking at anything. */
function targetOf({ attributes, target, system, siteOf }: MigrateContext): string {
  const guest = attributes.guestName;
  if (target === undefined) {
    throw new AgentError("BAD_ATTRIBUTE", `guest ${guest} is not migrated: VCSInfo names no target host`);
  }
  if (target === system) throw refusal(guest, target, "it is this system itself");
  // in RHEV the cluster is the site, and the platform takes no guest to a host of another one
  const hasSites = environmentOf(attributes) === "kvm" && attributes.drOpts.configureNetwork;
  if (hasSites && siteOf(target) !== siteOf(system)) {
    const sites = `${siteOf(system) ?? "no site"} and ${siteOf(target) ?? "no site"}`;
    throw refusal(
      guest,
      target,
      `it is configured for disaster recovery (DROpts), and the systems are of different sites (${sites}); switch the group instead`,
    );
  }
  return target;
}

function refuseUnlessMovable(guest: string, target: string, reading: Reading): void {
  const isWell = reading.state.kind === "ONLINE" && reading.state.confidence === 100;
  if (!reading.migrating && (isWell || reading.suspended === "paused")) return;
  const why = reading.active === false ? "it does not run here" : "its state does not allow it";
  throw refusal(guest, target, `${why}: ${reading.reason}`);
}

function refusal(guest: string, target: string, why: string): AgentError {
  return new AgentError("REFUSED", `guest ${guest} is not migrated to ${target}: ${why}`);
}

function progressTo(
  { log, onProgress }: MigrateContext,
  target: string,
): (progress: MigrationProgress) => void {
  let nextAt = performance.now();
  return (progress) => {
    onProgress(progress);
    if (performance.now() < nextAt) return;
    nextAt = performance.now() + PROGRESS_LOG_MS;
    log.info({ target, ...progress }, "migration goes on");
  };
}
