import { nothing, readString, readTruth, remote } from "./procedure.ts";
import { type Domain, readDomain, readTypedParams, type TypedParams, writeDomain } from "./structures.ts";
import type { XdrReader, XdrWriter } from "./xdr.ts";

/** Source: remote_protocol.x, REMOTE_DOMAIN_LIST_MAX. */
const DOMAIN_LIST_MAX = 16_384;
/** Source: remote_protocol.x, REMOTE_CONNECT_GET_ALL_DOMAIN_STATS_MAX. */
const ALL_DOMAIN_STATS_MAX = 262_144;
/** Source: remote_protocol.x, REMOTE_AUTH_TYPE_LIST_MAX. */
const AUTH_TYPE_LIST_MAX = 20;

/** One domain's part of the bulk statistics. */
export type DomainStats = { domain: Domain; params: TypedParams };

/** What to read: STATS bits (0: all), flags, and the domains by UUID (none: all of the host). */
export type DomainStatsQuery = { stats: number; flags: number; uuids?: readonly string[] };

/** Procedures about the connection and the host; a new one is a row. Source: remote_protocol.x. */
export const HOST_PROCEDURES = {
  open: remote(1, "connect_open", "high", writeOpen, nothing),
  close: remote(2, "connect_close", "high", nothing, nothing),
  getType: remote(3, "connect_get_type", "high", nothing, readString),
  getVersion: remote(4, "connect_get_version", "high", nothing, readVersion),
  getCapabilities: remote(7, "connect_get_capabilities", "low", nothing, readString),
  getHostname: remote(59, "connect_get_hostname", "high", nothing, readString),
  supportsFeature: remote(60, "connect_supports_feature", "high", writeNumber, readTruth),
  authList: remote(66, "auth_list", "high", nothing, readAuthTypes),
  authPolkit: remote(70, "auth_polkit", "high", nothing, readTruth),
  getUri: remote(110, "connect_get_uri", "high", nothing, readString),
  getLibVersion: remote(157, "connect_get_lib_version", "high", nothing, readVersion),
  compareCpu: remote(158, "connect_compare_cpu", "high", writeCpu, readNumber),
  listAllDomains: remote(273, "connect_list_all_domains", "high", writeListQuery, readDomainList),
  registerEvent: remote(
    316,
    "connect_domain_event_callback_register_any",
    "high",
    writeRegistration,
    readCallbackId,
  ),
  deregisterEvent: remote(317, "connect_domain_event_callback_deregister_any", "high", writeNumber, nothing),
  getAllDomainStats: remote(344, "connect_get_all_domain_stats", "low", writeStatsQuery, readStats),
  registerCloseCallback: remote(360, "connect_register_close_callback", "high", nothing, nothing),
} as const;

function writeOpen(writer: XdrWriter, { uri, flags }: { uri: string; flags: number }): void {
  writer.optionalString(uri);
  writer.uint(flags);
}

function writeNumber(writer: XdrWriter, number: number): void {
  writer.int(number);
}

function writeCpu(writer: XdrWriter, { xml, flags }: { xml: string; flags: number }): void {
  writer.string(xml);
  writer.uint(flags);
}

function readNumber(reader: XdrReader): number {
  return reader.int();
}

function readVersion(reader: XdrReader): number {
  return reader.uhyperNumber();
}

function readAuthTypes(reader: XdrReader): number[] {
  return reader.array(AUTH_TYPE_LIST_MAX, (item) => item.int());
}

function writeListQuery(writer: XdrWriter, { flags }: { flags: number }): void {
  writer.int(1); // the domains themselves, not only how many there are
  writer.uint(flags);
}

function readDomainList(reader: XdrReader): Domain[] {
  const domains = reader.array(DOMAIN_LIST_MAX, readDomain);
  reader.uint(); // their count once more
  return domains;
}

function writeRegistration(
  writer: XdrWriter,
  { eventId, uuid }: { eventId: number; uuid: string | null },
): void {
  writer.int(eventId);
  writer.bool(uuid !== null);
  if (uuid !== null) writeDomain(writer, uuid);
}

function readCallbackId(reader: XdrReader): number {
  return reader.int();
}

function writeStatsQuery(writer: XdrWriter, { stats, flags, uuids }: DomainStatsQuery): void {
  writer.array(uuids ?? [], DOMAIN_LIST_MAX, writeDomain);
  writer.uint(stats);
  writer.uint(flags);
}

function readStats(reader: XdrReader): DomainStats[] {
  return reader.array(DOMAIN_LIST_MAX, (record) => ({
    domain: readDomain(record),
    params: readTypedParams(record, ALL_DOMAIN_STATS_MAX),
  }));
}
