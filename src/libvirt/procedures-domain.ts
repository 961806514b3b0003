import { type Encode, nothing, qemu, readString, readTruth, remote } from "./procedure.ts";
import { readDomain, readTypedParams, type TypedParams, writeDomain } from "./structures.ts";
import type { XdrReader, XdrWriter } from "./xdr.ts";

/** Source: remote_protocol.x, REMOTE_DOMAIN_DISK_ERRORS_MAX. */
const DISK_ERRORS_MAX = 256;
/** Source: remote_protocol.x, REMOTE_DOMAIN_INTERFACE_MAX and REMOTE_DOMAIN_IP_ADDR_MAX. */
const INTERFACE_MAX = 2048;
const IP_ADDR_MAX = 2048;
/** Source: remote_protocol.x, REMOTE_DOMAIN_GUEST_INFO_PARAMS_MAX. */
const GUEST_INFO_PARAMS_MAX = 2048;

/** What a domain does, and why: see DOMAIN_STATE and the tables of reasons. */
export type DomainState = { state: number; reason: number };

/** A domain's size and use. */
export type DomainInfo = {
  state: number;
  maxMemoryKib: number;
  memoryKib: number;
  vcpus: number;
  cpuTimeNs: bigint;
};

/** Whether libvirt can talk to the emulator: see CONTROL_STATE and CONTROL_ERROR_REASON. */
export type ControlInfo = { state: number; details: number; stateTimeMs: number };

/** A disk that the emulator reports as failed: see DISK_ERROR. */
export type DiskError = { disk: string; error: number };

/** An interface inside the guest; `type` is 0 for IPv4, 1 for IPv6. */
export type GuestInterface = {
  name: string;
  hardwareAddress: string | null;
  addresses: { type: number; address: string; prefix: number }[];
};

/** A disk's size as its guest sees it, and what it takes on the host. */
export type BlockInfo = { allocationBytes: bigint; capacityBytes: bigint; physicalBytes: bigint };

type Of = { uuid: string };
type OfWithFlags = Of & { flags: number };
type XmlWithFlags = { xml: string; flags: number };

/** Writes a domain alone. */
export const writeOf: Encode<Of> = (writer, { uuid }) => writeDomain(writer, uuid);

/** Writes a domain and flags: the arguments of most procedures. */
export const writeOfWithFlags: Encode<OfWithFlags> = (writer, { uuid, flags }) => {
  writeDomain(writer, uuid);
  writer.uint(flags);
};

/** Procedures about one domain; a new one is a row. Source: remote_protocol.x. */
export const DOMAIN_PROCEDURES = {
  createXml: remote(10, "domain_create_xml", "low", writeXmlWithFlags, readDomain),
  defineXmlWithoutFlags: remote(11, "domain_define_xml", "high", writeText, readDomain),
  getXml: remote(14, "domain_get_xml_desc", "low", writeOfWithFlags, readString),
  getAutostart: remote(15, "domain_get_autostart", "high", writeOf, readTruth),
  getInfo: remote(16, "domain_get_info", "low", writeOf, readInfo),
  lookupById: remote(22, "domain_lookup_by_id", "high", writeId, readDomain),
  lookupByName: remote(23, "domain_lookup_by_name", "high", writeText, readDomain),
  lookupByUuid: remote(24, "domain_lookup_by_uuid", "high", writeUuid, readDomain),
  reboot: remote(27, "domain_reboot", "low", writeOfWithFlags, nothing),
  resume: remote(28, "domain_resume", "low", writeOf, nothing),
  setAutostart: remote(29, "domain_set_autostart", "high", writeSwitch, nothing),
  suspend: remote(34, "domain_suspend", "low", writeOf, nothing),
  isActive: remote(150, "domain_is_active", "high", writeOf, readTruth),
  isPersistent: remote(151, "domain_is_persistent", "high", writeOf, readTruth),
  attachDevice: remote(160, "domain_attach_device_flags", "low", writeDevice, nothing),
  detachDevice: remote(161, "domain_detach_device_flags", "low", writeDevice, nothing),
  updateDevice: remote(174, "domain_update_device_flags", "low", writeDevice, nothing),
  hasManagedSave: remote(183, "domain_has_managed_save_image", "low", writeOfWithFlags, readTruth),
  removeManagedSave: remote(184, "domain_managed_save_remove", "low", writeOfWithFlags, nothing),
  getBlockInfo: remote(194, "domain_get_block_info", "low", writeBlockQuery, readBlockInfo),
  create: remote(196, "domain_create_with_flags", "low", writeOfWithFlags, readDomain),
  isUpdated: remote(202, "domain_is_updated", "high", writeOf, readTruth),
  getState: remote(212, "domain_get_state", "high", writeOfWithFlags, readState),
  getControlInfo: remote(229, "domain_get_control_info", "high", writeOfWithFlags, readControlInfo),
  undefine: remote(231, "domain_undefine_flags", "high", writeOfWithFlags, nothing),
  destroy: remote(234, "domain_destroy_flags", "high", writeOfWithFlags, nothing),
  reset: remote(245, "domain_reset", "low", writeOfWithFlags, nothing),
  shutdown: remote(258, "domain_shutdown_flags", "low", writeOfWithFlags, nothing),
  getDiskErrors: remote(263, "domain_get_disk_errors", "low", writeDiskErrorQuery, readDiskErrors),
  getMetadata: remote(265, "domain_get_metadata", "low", writeMetadataQuery, readString),
  pmWakeup: remote(267, "domain_pm_wakeup", "low", writeOfWithFlags, nothing),
  getDomainHostname: remote(277, "domain_get_hostname", "low", writeOfWithFlags, readString),
  defineXml: remote(350, "domain_define_xml_flags", "high", writeXmlWithFlags, readDomain),
  interfaceAddresses: remote(353, "domain_interface_addresses", "low", writeInterfaceQuery, readInterfaces),
  getGuestInfo: remote(418, "domain_get_guest_info", "low", writeGuestInfoQuery, readGuestInfo),
} as const;

/** Procedures that only the QEMU driver has. Source: qemu_protocol.x. */
export const QEMU_PROCEDURES = {
  monitorCommand: qemu(1, "domain_monitor_command", writeMonitorCommand, readString),
  agentCommand: qemu(3, "domain_agent_command", writeAgentCommand, readOptionalString),
} as const;

function writeText(writer: XdrWriter, text: string): void {
  writer.string(text);
}

function writeId(writer: XdrWriter, id: number): void {
  writer.int(id);
}

function writeUuid(writer: XdrWriter, uuid: string): void {
  writer.uuid(uuid);
}

function writeXmlWithFlags(writer: XdrWriter, { xml, flags }: XmlWithFlags): void {
  writer.string(xml);
  writer.uint(flags);
}

function writeSwitch(writer: XdrWriter, { uuid, on }: Of & { on: boolean }): void {
  writeDomain(writer, uuid);
  writer.int(on ? 1 : 0);
}

function writeDevice(writer: XdrWriter, { uuid, xml, flags }: Of & XmlWithFlags): void {
  writeDomain(writer, uuid);
  writeXmlWithFlags(writer, { xml, flags });
}

function writeDiskErrorQuery(writer: XdrWriter, { uuid }: Of): void {
  writeDomain(writer, uuid);
  writer.uint(DISK_ERRORS_MAX);
  writer.uint(0);
}

function writeBlockQuery(writer: XdrWriter, { uuid, disk, flags }: OfWithFlags & { disk: string }): void {
  writeDomain(writer, uuid);
  writer.string(disk);
  writer.uint(flags);
}

function readBlockInfo(reader: XdrReader): BlockInfo {
  return {
    allocationBytes: reader.uhyper(),
    capacityBytes: reader.uhyper(),
    physicalBytes: reader.uhyper(),
  };
}

type MetadataQuery = OfWithFlags & { type: number; namespace: string | null };

function writeMetadataQuery(writer: XdrWriter, { uuid, type, namespace, flags }: MetadataQuery): void {
  writeDomain(writer, uuid);
  writer.int(type);
  writer.optionalString(namespace);
  writer.uint(flags);
}

function writeInterfaceQuery(writer: XdrWriter, { uuid, source }: Of & { source: number }): void {
  writeDomain(writer, uuid);
  writer.uint(source);
  writer.uint(0);
}

function writeGuestInfoQuery(
  writer: XdrWriter,
  { uuid, types, flags }: OfWithFlags & { types: number },
): void {
  writeDomain(writer, uuid);
  writer.uint(types);
  writer.uint(flags);
}

type Command = OfWithFlags & { command: string };

function writeMonitorCommand(writer: XdrWriter, { uuid, command, flags }: Command): void {
  writeDomain(writer, uuid);
  writer.string(command);
  writer.uint(flags);
}

function writeAgentCommand(
  writer: XdrWriter,
  { uuid, command, timeoutS, flags }: Command & { timeoutS: number },
): void {
  writeDomain(writer, uuid);
  writer.string(command);
  writer.int(timeoutS);
  writer.uint(flags);
}

function readOptionalString(reader: XdrReader): string | null {
  return reader.optionalString();
}

function readState(reader: XdrReader): DomainState {
  return { state: reader.int(), reason: reader.int() };
}

function readInfo(reader: XdrReader): DomainInfo {
  return {
    state: reader.uint(), // an unsigned char takes a whole word
    maxMemoryKib: reader.uhyperNumber(),
    memoryKib: reader.uhyperNumber(),
    vcpus: reader.uint(),
    cpuTimeNs: reader.uhyper(),
  };
}

function readControlInfo(reader: XdrReader): ControlInfo {
  return { state: reader.uint(), details: reader.uint(), stateTimeMs: reader.uhyperNumber() };
}

function readDiskErrors(reader: XdrReader): DiskError[] {
  const errors = reader.array(DISK_ERRORS_MAX, (item) => ({ disk: item.string(), error: item.int() }));
  reader.int(); // their count once more
  return errors;
}

function readInterfaces(reader: XdrReader): GuestInterface[] {
  return reader.array(INTERFACE_MAX, readInterface);
}

function readInterface(reader: XdrReader): GuestInterface {
  return {
    name: reader.string(),
    hardwareAddress: reader.optionalString(),
    addresses: reader.array(IP_ADDR_MAX, (item) => ({
      type: item.int(),
      address: item.string(),
      prefix: item.uint(),
    })),
  };
}

function readGuestInfo(reader: XdrReader): TypedParams {
  return readTypedParams(reader, GUEST_INFO_PARAMS_MAX);
}
