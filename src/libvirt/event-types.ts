import type { Domain, TypedParams } from "./structures.ts";

/** What every event of a domain has. */
export type OfDomain = { domain: Domain };

/** A domain changed its state: see LIFECYCLE_EVENT and the tables of details. */
export type LifecycleEvent = OfDomain & { event: number; detail: number };

/** The guest set its clock; the new offset from UTC in seconds. */
export type RtcChangeEvent = OfDomain & { offsetS: bigint };

/** The guest's watchdog fired; see WATCHDOG_ACTION. */
export type WatchdogEvent = OfDomain & { action: number };

/** A disk failed; see IO_ERROR_ACTION. */
export type IoErrorEvent = OfDomain & { path: string; device: string; action: number };

/** As {@link IoErrorEvent}, with the reason, for instance `enospc`. */
export type IoErrorReasonEvent = IoErrorEvent & { reason: string };

/** One end of a graphics session; `family` is 0 IPv4, 1 IPv6, 2 a Unix socket. */
export type GraphicsAddress = { family: number; node: string; service: string };

/** Somebody came to or left the guest's display; `phase` is 0 connect, 1 initialized, 2 disconnect. */
export type GraphicsEvent = OfDomain & {
  phase: number;
  local: GraphicsAddress;
  remote: GraphicsAddress;
  authScheme: string;
  subject: { type: string; name: string }[];
};

/** A block job ended or became ready; `status` is 0 completed, 1 failed, 2 cancelled, 3 ready. */
export type BlockJobEvent = OfDomain & { path: string; type: number; status: number };

/** A disk's source was changed or dropped because it was missing at the start. */
export type DiskChangeEvent = OfDomain & {
  oldPath: string | null;
  newPath: string | null;
  device: string;
  reason: number;
};

/** A removable disk's tray; `reason` is 0 opened, 1 closed. */
export type TrayChangeEvent = OfDomain & { device: string; reason: number };

/** The guest fell asleep or woke up; libvirt gives no reasons yet (0). */
export type PowerEvent = OfDomain & { reason: number };

/** The balloon has a new size. */
export type BalloonChangeEvent = OfDomain & { actualKib: number };

/** A device came, left, or refused to leave. */
export type DeviceEvent = OfDomain & { device: string };

/** An event that carries libvirt's own fields. */
export type ParamsEvent = OfDomain & { params: TypedParams };

/** The guest agent connected or disconnected: see AGENT_LIFECYCLE_STATE and AGENT_LIFECYCLE_REASON. */
export type AgentLifecycleEvent = OfDomain & { state: number; reason: number };

/** A migration began another pass over the guest's memory. */
export type MigrationIterationEvent = OfDomain & { iteration: number };

/** Title, description or an element of the metadata changed: see METADATA_TYPE. */
export type MetadataChangeEvent = OfDomain & { type: number; namespace: string | null };

/** The body of each event by its name; each comes only after {@link EVENT_ID} was registered for it. */
export type DomainEvents = {
  lifecycle: LifecycleEvent;
  reboot: OfDomain;
  rtcChange: RtcChangeEvent;
  watchdog: WatchdogEvent;
  ioError: IoErrorEvent;
  graphics: GraphicsEvent;
  ioErrorReason: IoErrorReasonEvent;
  controlError: OfDomain;
  blockJob: BlockJobEvent;
  diskChange: DiskChangeEvent;
  trayChange: TrayChangeEvent;
  pmWakeup: PowerEvent;
  pmSuspend: PowerEvent;
  balloonChange: BalloonChangeEvent;
  pmSuspendDisk: PowerEvent;
  deviceRemoved: DeviceEvent;
  tunable: ParamsEvent;
  agentLifecycle: AgentLifecycleEvent;
  deviceAdded: DeviceEvent;
  migrationIteration: MigrationIterationEvent;
  jobCompleted: ParamsEvent;
  deviceRemovalFailed: DeviceEvent;
  metadataChange: MetadataChangeEvent;
};
