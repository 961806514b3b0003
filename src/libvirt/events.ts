import type { EventEmitter } from "eventemitter3";
import type { ConnectionEvents } from "./connection-types.ts";
import type {
  AgentLifecycleEvent,
  BalloonChangeEvent,
  BlockJobEvent,
  DeviceEvent,
  DiskChangeEvent,
  GraphicsAddress,
  GraphicsEvent,
  IoErrorEvent,
  IoErrorReasonEvent,
  LifecycleEvent,
  MetadataChangeEvent,
  MigrationIterationEvent,
  OfDomain,
  ParamsEvent,
  PowerEvent,
  RtcChangeEvent,
  TrayChangeEvent,
  WatchdogEvent,
} from "./event-types.ts";
import { JOB_STATS_MAX } from "./procedures-job.ts";
import { readDomain, readTypedParams } from "./structures.ts";
import type { XdrReader } from "./xdr.ts";

/** Source: remote_protocol.x, REMOTE_DOMAIN_EVENT_TUNABLE_MAX and _GRAPHICS_IDENTITY_MAX. */
const TUNABLE_MAX = 2048;
const GRAPHICS_IDENTITY_MAX = 20;

/** The message that says that the driver behind libvirtd closed our connection. Source: remote_protocol.x. */
export const CONNECTION_CLOSED_MESSAGE = 362;

/** One kind of event message. */
export type EventRow = {
  /** as in the .x file, without prefix, in lower case */
  name: string;
  /** Decodes a message's body to its last byte, or throws XdrError, then hands the event on. */
  deliver: (reader: XdrReader, events: EventEmitter<ConnectionEvents>) => void;
};

/** The event messages by procedure number; a new one is a row. Source: remote_protocol.x. */
export const EVENT_MESSAGES: ReadonlyMap<number, EventRow> = new Map([
  row(318, "callback_lifecycle", readLifecycle, (to, event) => to.emit("lifecycle", event)),
  row(319, "callback_reboot", readOfDomain, (to, event) => to.emit("reboot", event)),
  row(320, "callback_rtc_change", readRtcChange, (to, event) => to.emit("rtcChange", event)),
  row(321, "callback_watchdog", readWatchdog, (to, event) => to.emit("watchdog", event)),
  row(322, "callback_io_error", readIoError, (to, event) => to.emit("ioError", event)),
  row(323, "callback_graphics", readGraphics, (to, event) => to.emit("graphics", event)),
  row(324, "callback_io_error_reason", readIoErrorReason, (to, event) => to.emit("ioErrorReason", event)),
  row(325, "callback_control_error", readOfDomain, (to, event) => to.emit("controlError", event)),
  row(326, "callback_block_job", readBlockJob, (to, event) => to.emit("blockJob", event)),
  row(327, "callback_disk_change", readDiskChange, (to, event) => to.emit("diskChange", event)),
  row(328, "callback_tray_change", readTrayChange, (to, event) => to.emit("trayChange", event)),
  row(329, "callback_pmwakeup", readPower, (to, event) => to.emit("pmWakeup", event)),
  row(330, "callback_pmsuspend", readPower, (to, event) => to.emit("pmSuspend", event)),
  row(331, "callback_balloon_change", readBalloonChange, (to, event) => to.emit("balloonChange", event)),
  row(332, "callback_pmsuspend_disk", readPower, (to, event) => to.emit("pmSuspendDisk", event)),
  row(333, "callback_device_removed", readDevice, (to, event) => to.emit("deviceRemoved", event)),
  row(346, "callback_tunable", readTunable, (to, event) => to.emit("tunable", event)),
  row(348, "callback_agent_lifecycle", readAgentLifecycle, (to, event) => to.emit("agentLifecycle", event)),
  row(354, "callback_device_added", readDevice, (to, event) => to.emit("deviceAdded", event)),
  row(359, "callback_migration_iteration", readMigrationIteration, (to, event) =>
    to.emit("migrationIteration", event),
  ),
  row(363, "callback_job_completed", readJobCompleted, (to, event) => to.emit("jobCompleted", event)),
  row(367, "callback_device_removal_failed", readDevice, (to, event) =>
    to.emit("deviceRemovalFailed", event),
  ),
  row(379, "callback_metadata_change", readMetadataChange, (to, event) => to.emit("metadataChange", event)),
]);

function row<Event>(
  number: number,
  suffix: string,
  read: (reader: XdrReader) => Event,
  emit: (to: EventEmitter<ConnectionEvents>, event: Event) => void,
): [number, EventRow] {
  const deliver = (reader: XdrReader, events: EventEmitter<ConnectionEvents>): void => {
    reader.int(); // callback id: one listener map serves all registrations of a connection
    const event = read(reader);
    reader.end();
    emit(events, event);
  };
  return [number, { name: `domain_event_${suffix}`, deliver }];
}

function readOfDomain(reader: XdrReader): OfDomain {
  return { domain: readDomain(reader) };
}

function readLifecycle(reader: XdrReader): LifecycleEvent {
  return { domain: readDomain(reader), event: reader.int(), detail: reader.int() };
}

function readRtcChange(reader: XdrReader): RtcChangeEvent {
  return { domain: readDomain(reader), offsetS: reader.hyper() };
}

function readWatchdog(reader: XdrReader): WatchdogEvent {
  return { domain: readDomain(reader), action: reader.int() };
}

function readIoError(reader: XdrReader): IoErrorEvent {
  return { domain: readDomain(reader), path: reader.string(), device: reader.string(), action: reader.int() };
}

function readIoErrorReason(reader: XdrReader): IoErrorReasonEvent {
  return { ...readIoError(reader), reason: reader.string() };
}

function readGraphics(reader: XdrReader): GraphicsEvent {
  return {
    domain: readDomain(reader),
    phase: reader.int(),
    local: readGraphicsAddress(reader),
    remote: readGraphicsAddress(reader),
    authScheme: reader.string(),
    subject: reader.array(GRAPHICS_IDENTITY_MAX, (item) => ({ type: item.string(), name: item.string() })),
  };
}

function readGraphicsAddress(reader: XdrReader): GraphicsAddress {
  return { family: reader.int(), node: reader.string(), service: reader.string() };
}

function readBlockJob(reader: XdrReader): BlockJobEvent {
  return { domain: readDomain(reader), path: reader.string(), type: reader.int(), status: reader.int() };
}

function readDiskChange(reader: XdrReader): DiskChangeEvent {
  return {
    domain: readDomain(reader),
    oldPath: reader.optionalString(),
    newPath: reader.optionalString(),
    device: reader.string(),
    reason: reader.int(),
  };
}

function readTrayChange(reader: XdrReader): TrayChangeEvent {
  return { domain: readDomain(reader), device: reader.string(), reason: reader.int() };
}

function readPower(reader: XdrReader): PowerEvent {
  const reason = reader.int(); // before the domain, unlike elsewhere
  return { domain: readDomain(reader), reason };
}

function readBalloonChange(reader: XdrReader): BalloonChangeEvent {
  return { domain: readDomain(reader), actualKib: reader.uhyperNumber() };
}

function readDevice(reader: XdrReader): DeviceEvent {
  return { domain: readDomain(reader), device: reader.string() };
}

function readTunable(reader: XdrReader): ParamsEvent {
  return { domain: readDomain(reader), params: readTypedParams(reader, TUNABLE_MAX) };
}

function readAgentLifecycle(reader: XdrReader): AgentLifecycleEvent {
  return { domain: readDomain(reader), state: reader.int(), reason: reader.int() };
}

function readMigrationIteration(reader: XdrReader): MigrationIterationEvent {
  return { domain: readDomain(reader), iteration: reader.int() };
}

function readJobCompleted(reader: XdrReader): ParamsEvent {
  return { domain: readDomain(reader), params: readTypedParams(reader, JOB_STATS_MAX) };
}

function readMetadataChange(reader: XdrReader): MetadataChangeEvent {
  return { domain: readDomain(reader), type: reader.int(), namespace: reader.optionalString() };
}
