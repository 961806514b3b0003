import { nothing, remote } from "./procedure.ts";
import { writeOf, writeOfWithFlags } from "./procedures-domain.ts";
import {
  readTypedParams,
  type TypedParam,
  type TypedParams,
  writeDomain,
  writeTypedParams,
} from "./structures.ts";
import { XdrError, type XdrReader, type XdrWriter } from "./xdr.ts";

/** Source: remote_protocol.x, REMOTE_DOMAIN_JOB_STATS_MAX. */
export const JOB_STATS_MAX = 64;
/** Source: remote_protocol.x, REMOTE_MIGRATE_COOKIE_MAX. */
const MIGRATE_COOKIE_MAX = 4_194_304;
/** Source: remote_protocol.x, REMOTE_DOMAIN_MIGRATE_PARAM_LIST_MAX. */
const MIGRATE_PARAM_LIST_MAX = 64;

/** The job of a domain: `type` as in JOB_TYPE, the rest in milliseconds and bytes, exact to 2^53. */
export type JobInfo = {
  type: number;
  timeElapsedMs: number;
  timeRemainingMs: number;
  dataTotal: number;
  dataProcessed: number;
  dataRemaining: number;
  memoryTotal: number;
  memoryProcessed: number;
  memoryRemaining: number;
  fileTotal: number;
  fileProcessed: number;
  fileRemaining: number;
};

/** The job of a domain in libvirt's own fields (VIR_DOMAIN_JOB_*), as `data_remaining`. */
export type JobStats = { type: number; params: TypedParams };

/**
 * A migration that the source daemon carries through by itself. `flags` needs PEER2PEER; `params` are libvirt's
 * VIR_MIGRATE_PARAM_* fields, for instance `migrate_uri`.
 */
export type PeerToPeerMigration = {
  /** URI of the destination's libvirtd, as the source's libvirtd reaches it */
  destinationUri: string;
  params: readonly TypedParam[];
  flags: number;
};

/** Procedures about jobs and migrations; a new one is a row. Source: remote_protocol.x. */
export const JOB_PROCEDURES = {
  getJobInfo: remote(163, "domain_get_job_info", "low", writeOf, readJobInfo),
  abortJob: remote(164, "domain_abort_job", "low", writeOf, nothing),
  migrateSetMaxDowntime: remote(166, "domain_migrate_set_max_downtime", "low", writeLimit, nothing),
  migrateSetMaxSpeed: remote(207, "domain_migrate_set_max_speed", "low", writeLimit, nothing),
  getJobStats: remote(298, "domain_get_job_stats", "low", writeOfWithFlags, readJobStats),
  migratePerform3Params: remote(305, "domain_migrate_perform3_params", "low", writeMigration, readCookie),
  migrateStartPostCopy: remote(364, "domain_migrate_start_post_copy", "low", writeOfWithFlags, nothing),
} as const;

function writeLimit(
  writer: XdrWriter,
  { uuid, limit, flags }: { uuid: string; limit: number; flags: number },
): void {
  writeDomain(writer, uuid);
  if (!Number.isSafeInteger(limit)) throw new XdrError(`${limit} is not a whole number`);
  writer.uhyper(BigInt(limit));
  writer.uint(flags);
}

function writeMigration(writer: XdrWriter, migration: PeerToPeerMigration & { uuid: string }): void {
  writeDomain(writer, migration.uuid);
  writer.optionalString(migration.destinationUri);
  writeTypedParams(writer, migration.params, MIGRATE_PARAM_LIST_MAX);
  writer.opaque(new Uint8Array(0), MIGRATE_COOKIE_MAX); // a peer-to-peer migration begins without a cookie
  writer.uint(migration.flags);
}

function readCookie(reader: XdrReader): Buffer {
  return reader.opaque(MIGRATE_COOKIE_MAX);
}

function readJobStats(reader: XdrReader): JobStats {
  return { type: reader.int(), params: readTypedParams(reader, JOB_STATS_MAX) };
}

function readJobInfo(reader: XdrReader): JobInfo {
  return {
    type: reader.int(),
    timeElapsedMs: reader.uhyperNumber(),
    timeRemainingMs: reader.uhyperNumber(),
    dataTotal: reader.uhyperNumber(),
    dataProcessed: reader.uhyperNumber(),
    dataRemaining: reader.uhyperNumber(),
    memoryTotal: reader.uhyperNumber(),
    memoryProcessed: reader.uhyperNumber(),
    memoryRemaining: reader.uhyperNumber(),
    fileTotal: reader.uhyperNumber(),
    fileProcessed: reader.uhyperNumber(),
    fileRemaining: reader.uhyperNumber(),
  };
}
