/** Words for a VM's status. Source: VmStatus of ovirt-engine 3.1 to 4.5. */
export type VmStatus =
  | "unassigned"
  | "down"
  | "up"
  | "powering_up"
  | "powered_down"
  | "paused"
  | "migrating"
  | "unknown"
  | "not_responding"
  | "wait_for_launch"
  | "reboot_in_progress"
  | "saving_state"
  | "restoring_state"
  | "suspended"
  | "image_locked"
  | "powering_down";

/** Words for a host's status. Source: HostStatus of ovirt-engine. */
export type HostStatus =
  | "down"
  | "error"
  | "initializing"
  | "installing"
  | "install_failed"
  | "maintenance"
  | "non_operational"
  | "non_responsive"
  | "pending_approval"
  | "preparing_for_maintenance"
  | "connecting"
  | "reboot"
  | "unassigned"
  | "installing_os"
  | "kdumping"
  | "up";

/** Words for a data centre's status. Source: DataCenterStatus of ovirt-engine. */
export type DataCenterStatus =
  | "uninitialized"
  | "up"
  | "maintenance"
  | "not_operational"
  | "problematic"
  | "contend";

/** A host's part in its data centre's storage. */
type SpmStatus = "none" | "contending" | "spm";

/** What can be looked up by its id, and has a name. */
export interface Named {
  readonly id: string;
  name: string;
}

/** A data centre: hosts of several clusters that share storage, one of them the SPM. */
export interface DataCenter extends Named {
  status: DataCenterStatus;
  isLocal: boolean;
}

/** A cluster: hosts between which VMs can migrate. */
export interface Cluster extends Named {
  readonly dataCenterId: string;
}

/** A storage domain as its data centre shows it. */
export interface StorageDomain extends Named {
  readonly dataCenterId: string;
  status: "active" | "inactive" | "locked" | "mixed" | "unattached" | "maintenance" | "unknown";
  isMaster: boolean;
}

/** A hypervisor. */
export interface Host extends Named {
  readonly clusterId: string;
  address: string;
  /** Of its hardware, as SMBIOS has it. */
  hardwareUuid: string;
  status: HostStatus;
  spm: SpmStatus;
  /** -1: never the SPM. */
  spmPriority: number;
  /** Its storage has running tasks: the SPM cannot leave. */
  hasTasks: boolean;
  powerManagement: "none" | "works" | "fails";
  /** When the engine last worked its power management, on the simulated clock. */
  fencedAt: number | undefined;
  /** What is true whatever the engine thinks: it can be cut off, and still run guests. */
  isAlive: boolean;
}

/** A file on a virtual CD-ROM or floppy. */
export interface PayloadFile {
  readonly name: string;
  readonly content: string;
}

/** A virtual CD-ROM or floppy of a VM's configuration. */
export interface Payload {
  readonly type: "cdrom" | "floppy";
  readonly volumeId: string | undefined;
  readonly files: readonly PayloadFile[];
}

/** A virtual machine. Change `status` through the world: that calls off what was under way. */
export interface Vm extends Named {
  clusterId: string;
  /** undefined: the element is missing, as for a VM with an illegal image. */
  status: VmStatus | undefined;
  /** Why it is paused: `eio`, `none`. */
  statusDetail: string | undefined;
  hostId: string | undefined;
  affinity: "migratable" | "user_migratable" | "pinned";
  /** Hosts that it may run on; empty: all of the cluster. */
  allowedHostIds: readonly string[];
  isHighlyAvailable: boolean;
  isStateless: boolean;
  hasBootableDisk: boolean;
  /** ACPI or a guest agent: it can be told to shut down. */
  hearsShutdown: boolean;
  /** It is told, and stays up. */
  ignoresShutdown: boolean;
  /** Another operation holds it. */
  isLocked: boolean;
  /** Starts end in an error; the words are the event's. */
  startFailure: string | undefined;
  /** How many of the next migrations fail. */
  failingMigrations: number;
  payload: Payload | undefined;
  /** Host name that cloud-init or sysprep give it at its first run; undefined: neither is configured. */
  initialHostName: string | undefined;
  /** What the guest found in its drive at its last start. */
  insertedPayload: Payload | undefined;
  stopReason: string;
  /** How it last ended: a guest that was not shut down lost what it had not written. */
  lastEnd: "shutdown" | "destroyed" | "crashed" | "suspended" | "fenced" | undefined;
  /** How often it was started. */
  starts: number;
  migrationTargetId: string | undefined;
  /** Hosts on which an emulator really runs it, whatever the engine thinks. Two: it runs twice. */
  readonly aliveOn: Set<string>;
}
