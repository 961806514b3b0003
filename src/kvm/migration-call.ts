import { hasCode, messageOf } from "../agent-error.ts";
import { pause } from "../deadline.ts";
import { LibvirtCallError } from "../libvirt/errors.ts";
import { MIGRATE } from "../libvirt/flags.ts";
import type { TypedParam } from "../libvirt/structures.ts";
import type { Log } from "../log.ts";
import type { MigrationProgress } from "../migration.ts";
import type { Hypervisor } from "./hypervisor.ts";
import type { MigrationReply } from "./migration-end.ts";
import type { MigrationSettings } from "./settings.ts";

/** A migration takes as long as it takes; its own deadline is kept beside it. */
const ANSWER_MS = 86_400_000;

/** A clean that takes over waits this long for the end of the migration. */
const CLEAN_WAIT_MS = 8000;

/** How often a running migration is looked at. */
const LOOK_MS = 500;

/** A look waits for the emulator, and an abort that is due waits for the look. */
const LOOK_AT_MOST_MS = 2000;

/** What changes a migration under way. */
const CHANGE_AT_MOST_MS = 5000;

/** After this many passes over the memory a migration that may turn to post-copy does. */
const PRECOPY_PASSES = 2;

/** Source: libvirt-domain.h, VIR_DOMAIN_JOB_UNBOUNDED: a job runs. */
const JOB_RUNS = 2;

/** One migration that libvirt carries through. */
export interface MigrationCall {
  readonly uuid: string;
  readonly destinationUri: string;
  readonly settings: MigrationSettings;
  /** when it is aborted (performance.now) */
  readonly abortAt: number;
  readonly onProgress: (progress: MigrationProgress) => void;
}

/** How libvirt answered, in its own words. */
export interface MigrationAnswer {
  readonly reply: MigrationReply;
  readonly words: string;
  /** The guest ran on the target before all its memory was there: from then on it is never aborted. */
  readonly isPostCopy: boolean;
}

/** When a running migration is aborted, and when its answer is no longer waited for. */
export interface MigrationStops {
  readonly abort: AbortSignal;
  readonly giveUp: AbortSignal;
  release(): void;
}

/** A clean (CANCELLED) aborts the migration and gives its answer some time; any other end leaves it to libvirt. */
export function stopsOf(signal: AbortSignal): MigrationStops {
  const abort = new AbortController();
  const giveUp = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = () => {
    if (!hasCode(signal.reason, "CANCELLED")) return giveUp.abort();
    abort.abort();
    timer = setTimeout(() => giveUp.abort(), CLEAN_WAIT_MS);
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  return {
    abort: abort.signal,
    giveUp: giveUp.signal,
    release() {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    },
  };
}

/**
 * Has the source's libvirtd carry a migration through, and waits for its answer. At its time, or when it is to stop, it is
 * aborted, unless the guest runs on the target already (post-copy). Never throws.
 */
export async function carryThrough(
  session: Hypervisor,
  call: MigrationCall,
  log: Log,
  { abort, giveUp }: MigrationStops,
): Promise<MigrationAnswer> {
  const over = new AbortController();
  const following: Following = { isLimited: false, isPostCopy: false, isAborted: false };
  const { uuid, destinationUri, settings } = call;
  const migration = { destinationUri, params: paramsOf(call), flags: flagsOf(settings) };
  const answered = session
    .migratePerform3Params(uuid, migration, { timeoutMs: ANSWER_MS, signal: giveUp })
    .then((): Reply => ({ reply: "done", words: "libvirt says it is done" }), replyOfError)
    .finally(() => over.abort());
  await follow({ session, call, following, log }, abort, over.signal);
  return { ...(await answered), isPostCopy: following.isPostCopy };
}

type Reply = Omit<MigrationAnswer, "isPostCopy">;

function replyOfError(error: unknown): Reply {
  const isHeard = !(error instanceof LibvirtCallError);
  return { reply: isHeard ? "failed" : "none", words: messageOf(error) };
}

/** Source: libvirt-domain.h, VIR_MIGRATE_PARAM_URI, _BANDWIDTH (MiB/s), _PARALLEL_CONNECTIONS. */
function paramsOf({ destinationUri, settings }: MigrationCall): readonly TypedParam[] {
  const { migrateUri, bandwidthMiBps, parallelConnections } = settings;
  const params: TypedParam[] = [];
  if (migrateUri !== undefined) {
    const value = migrationUriFor(migrateUri, destinationUri);
    params.push({ field: "migrate_uri", type: "string", value });
  }
  if (bandwidthMiBps !== undefined)
    params.push({ field: "bandwidth", type: "ullong", value: BigInt(bandwidthMiBps) });
  if (parallelConnections !== undefined)
    params.push({ field: "parallel.connections", type: "int", value: parallelConnections });
  return params;
}

/** Where the memory goes: the template with the host of the peer's URI in it. */
export function migrationUriFor(template: string, destinationUri: string): string {
  return template.replaceAll("{host}", hostOf(destinationUri));
}

/** The host of a URI, an IPv6 address in its brackets. */
function hostOf(uri: string): string {
  return /^[^:]+:\/\/(?:[^@/]*@)?(\[[^\]]*\]|[^:/?]*)/.exec(uri)?.[1] ?? "";
}

function flagsOf({ autoConverge, parallelConnections, postCopy, encrypt }: MigrationSettings): number {
  return (
    MIGRATE.LIVE |
    MIGRATE.PEER2PEER |
    MIGRATE.PERSIST_DEST |
    MIGRATE.ABORT_ON_ERROR |
    (autoConverge ? MIGRATE.AUTO_CONVERGE : 0) |
    (postCopy ? MIGRATE.POSTCOPY : 0) |
    (encrypt ? MIGRATE.TLS : 0) |
    (parallelConnections === undefined ? 0 : MIGRATE.PARALLEL)
  );
}

interface Following {
  isLimited: boolean;
  isPostCopy: boolean;
  isAborted: boolean;
}

interface FollowParts {
  readonly session: Hypervisor;
  readonly call: MigrationCall;
  readonly following: Following;
  readonly log: Log;
}

/** Watches the migration until libvirt has answered: progress, the downtime's limit, post-copy, its abort. */
async function follow(parts: FollowParts, signal: AbortSignal, over: AbortSignal): Promise<void> {
  const { session, call, following, log } = parts;
  const either = AbortSignal.any([signal, over]);
  const isTime = () => signal.aborted || performance.now() >= call.abortAt;
  const rest = () => pause(nextLookMs(call, following), signal.aborted ? over : either);
  for (await rest(); !over.aborted; await rest()) {
    if (isTime() && !following.isAborted && !following.isPostCopy)
      following.isAborted = await abortMigration(
        // a clean that has given libvirt up must not wait for this too
        (limits) => session.abortJob(call.uuid, { ...limits, signal: over }),
        log,
      );
    const params = await jobParams(session, call.uuid, over);
    if (params === undefined) continue;
    call.onProgress(progressOf(params));
    await adjust(parts, params);
  }
}

/** The time to abort it is not slept over. */
function nextLookMs({ abortAt }: MigrationCall, { isAborted }: Following): number {
  const leftMs = abortAt - performance.now();
  return isAborted || leftMs <= 0 ? LOOK_MS : Math.min(LOOK_MS, leftMs);
}

async function jobParams(
  session: Hypervisor,
  uuid: string,
  over: AbortSignal,
): Promise<ReadonlyMap<string, unknown> | undefined> {
  try {
    const job = await session.getJobStats(uuid, 0, { timeoutMs: LOOK_AT_MOST_MS, signal: over });
    return job.type === JOB_RUNS ? job.params : undefined;
  } catch {
    return undefined; // it has ended, or cannot be looked at now; libvirt's answer tells
  }
}

async function adjust(
  { session, call, following, log }: FollowParts,
  params: ReadonlyMap<string, unknown>,
): Promise<void> {
  const { uuid, settings } = call;
  const { downtimeMs, postCopy } = settings;
  const limits = { timeoutMs: CHANGE_AT_MOST_MS };
  try {
    if (downtimeMs !== undefined && !following.isLimited) {
      following.isLimited = true;
      await session.migrateSetMaxDowntime(uuid, downtimeMs, limits);
    }
    const isDue = numberOf(params.get("memory_iteration")) > PRECOPY_PASSES;
    if (postCopy && isDue && !following.isPostCopy && !following.isAborted) {
      await session.migrateStartPostCopy(uuid, limits);
      following.isPostCopy = true;
      log.info({}, "migration turns to post-copy, the guest runs on the target from now on");
    }
  } catch (error) {
    log.warn({ err: error }, "running migration could not be adjusted");
  }
}

/** Asks libvirt to abort a migration; true when it took that. One that ended meanwhile needs none. */
export async function abortMigration(
  abort: (limits: { readonly timeoutMs: number }) => Promise<void>,
  log: Log,
): Promise<boolean> {
  try {
    await abort({ timeoutMs: CHANGE_AT_MOST_MS });
    log.warn({}, "migration is aborted");
    return true;
  } catch (error) {
    log.warn({ err: error }, "migration could not be aborted");
    return false;
  }
}

/** Source: libvirt-domain.h, VIR_DOMAIN_JOB_MEMORY_REMAINING, _MEMORY_BPS, _MEMORY_DIRTY_RATE (pages/s), _DOWNTIME. */
function progressOf(params: ReadonlyMap<string, unknown>): MigrationProgress {
  const remaining = numberOf(params.get("memory_remaining"));
  const bps = numberOf(params.get("memory_bps"));
  const pageBytes = numberOf(params.get("memory_page_size")) || 4096;
  const gain = bps - numberOf(params.get("memory_dirty_rate")) * pageBytes;
  const downtime = params.get("downtime");
  return {
    remainingMiB: Math.round(remaining / 1_048_576),
    mibPerS: Math.round(bps / 104_857.6) / 10,
    expectedS: gain > 0 ? Math.ceil(remaining / gain) : undefined,
    downtimeMs: downtime === undefined ? undefined : numberOf(downtime),
  };
}

function numberOf(value: unknown): number {
  return typeof value === "number" || typeof value === "bigint" ? Number(value) : 0;
}
