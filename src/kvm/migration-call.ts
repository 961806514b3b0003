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

/** A look waits for the emulator. */
const LOOK_AT_MOST_MS = 5000;

/** After this many passes over the memory a migration that may turn to post-copy does. */
const PRECOPY_PASSES = 2;

/** Source: libvirt-domain.h, VIR_DOMAIN_JOB_UNBOUNDED: a job runs. */
const JOB_RUNS = 2;

/** One migration that libvirt carries through. */
export interface MigrationCall {
  readonly uuid: string;
  readonly destinationUri: string;
  readonly settings: MigrationSettings;
  /** milliseconds until it is aborted */
  readonly abortAfterMs: number;
  readonly onProgress: (progress: MigrationProgress) => void;
}

/** How libvirt answered, in its own words. */
export interface MigrationAnswer {
  readonly reply: MigrationReply;
  readonly words: string;
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
  const { uuid, destinationUri, settings } = call;
  const migration = { destinationUri, params: paramsOf(call), flags: flagsOf(settings) };
  const answered = session
    .migratePerform3Params(uuid, migration, { timeoutMs: ANSWER_MS, signal: giveUp })
    .then((): MigrationAnswer => ({ reply: "done", words: "libvirt says it is done" }), answerOfError)
    .finally(() => over.abort());
  await follow(session, call, log, abort, over.signal);
  return answered;
}

function answerOfError(error: unknown): MigrationAnswer {
  const isHeard = !(error instanceof LibvirtCallError);
  return { reply: isHeard ? "failed" : "none", words: messageOf(error) };
}

/** Source: libvirt-domain.h, VIR_MIGRATE_PARAM_URI, _BANDWIDTH (MiB/s), _PARALLEL_CONNECTIONS. */
function paramsOf({ destinationUri, settings }: MigrationCall): readonly TypedParam[] {
  const { migrateUri, bandwidthMiBps, parallelConnections } = settings;
  const params: TypedParam[] = [];
  if (migrateUri !== undefined) {
    const value = migrateUri.replaceAll("{host}", hostOf(destinationUri));
    params.push({ field: "migrate_uri", type: "string", value });
  }
  if (bandwidthMiBps !== undefined)
    params.push({ field: "bandwidth", type: "ullong", value: BigInt(bandwidthMiBps) });
  if (parallelConnections !== undefined)
    params.push({ field: "parallel.connections", type: "int", value: parallelConnections });
  return params;
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

/** Watches the migration until libvirt has answered: progress, the downtime's limit, post-copy, its abort. */
async function follow(
  session: Hypervisor,
  call: MigrationCall,
  log: Log,
  signal: AbortSignal,
  over: AbortSignal,
): Promise<void> {
  const abortAt = performance.now() + call.abortAfterMs;
  const following = { isLimited: false, isPostCopy: false, isAborted: false };
  const either = AbortSignal.any([signal, over]);
  await pause(LOOK_MS, either);
  while (!over.aborted) {
    const isTime = signal.aborted || performance.now() >= abortAt;
    await look(session, call, following, isTime, log, over);
    await pause(LOOK_MS, signal.aborted ? over : either);
  }
}

async function look(
  session: Hypervisor,
  call: MigrationCall,
  following: Following,
  isTime: boolean,
  log: Log,
  over: AbortSignal,
): Promise<void> {
  const params = await jobParams(session, call.uuid, over);
  if (params !== undefined) {
    call.onProgress(progressOf(params));
    await adjust(session, call, params, following, log);
  }
  if (!isTime || following.isAborted || following.isPostCopy) return;
  following.isAborted = await abort(session, call.uuid, log);
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
  session: Hypervisor,
  { uuid, settings }: MigrationCall,
  params: ReadonlyMap<string, unknown>,
  following: Following,
  log: Log,
): Promise<void> {
  const { downtimeMs, postCopy } = settings;
  const limits = { timeoutMs: LOOK_AT_MOST_MS };
  try {
    if (downtimeMs !== undefined && !following.isLimited) {
      following.isLimited = true;
      await session.migrateSetMaxDowntime(uuid, downtimeMs, limits);
    }
    if (postCopy && !following.isPostCopy && numberOf(params.get("memory_iteration")) > PRECOPY_PASSES) {
      await session.migrateStartPostCopy(uuid, limits);
      following.isPostCopy = true;
      log.info({}, "migration turns to post-copy, the guest runs on the target from now on");
    }
  } catch (error) {
    log.warn({ err: error }, "running migration could not be adjusted");
  }
}

/** Returns whether libvirt took it; a migration that ended meanwhile needs no abort. */
async function abort(session: Hypervisor, uuid: string, log: Log): Promise<boolean> {
  try {
    await session.abortJob(uuid, { timeoutMs: LOOK_AT_MOST_MS });
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
