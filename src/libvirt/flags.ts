/*
 * Flags of libvirt-domain.h, each table with the C enum it is from; add those that a call shall have.
 */

/** What to read in bulk statistics. Source: virDomainStatsTypes. */
export const STATS = {
  STATE: 1,
  CPU_TOTAL: 2,
  BALLOON: 4,
  VCPU: 8,
  INTERFACE: 0x10,
  BLOCK: 0x20,
  PERF: 0x40,
  IOTHREAD: 0x80,
  MEMORY: 0x100,
  DIRTYRATE: 0x200,
  VM: 0x400,
} as const;

/** Which domains, and how to read them; NOWAIT leaves out what a hung guest would delay. Source: virConnectGetAllDomainStatsFlags. */
export const GET_ALL_STATS = {
  ACTIVE: 1,
  INACTIVE: 2,
  PERSISTENT: 4,
  TRANSIENT: 8,
  RUNNING: 0x10,
  PAUSED: 0x20,
  SHUTOFF: 0x40,
  OTHER: 0x80,
  NOWAIT: 0x20000000,
  BACKING: 0x40000000,
  ENFORCE_STATS: 0x80000000,
} as const;

/** Which domains to list. Source: virConnectListAllDomainsFlags. */
export const LIST_DOMAINS = {
  ACTIVE: 1,
  INACTIVE: 2,
  PERSISTENT: 4,
  TRANSIENT: 8,
  RUNNING: 0x10,
  PAUSED: 0x20,
  SHUTOFF: 0x40,
  OTHER: 0x80,
  MANAGEDSAVE: 0x100,
  NO_MANAGEDSAVE: 0x200,
  AUTOSTART: 0x400,
  NO_AUTOSTART: 0x800,
  HAS_SNAPSHOT: 0x1000,
  NO_SNAPSHOT: 0x2000,
  HAS_CHECKPOINT: 0x4000,
  NO_CHECKPOINT: 0x8000,
} as const;

/** How to start. Source: virDomainCreateFlags. */
export const CREATE = {
  PAUSED: 1,
  AUTODESTROY: 2,
  BYPASS_CACHE: 4,
  FORCE_BOOT: 8,
  VALIDATE: 0x10,
  RESET_NVRAM: 0x20,
} as const;

/** How to define. Source: virDomainDefineFlags. */
export const DEFINE = { VALIDATE: 1 } as const;

/** What goes with a definition. Source: virDomainUndefineFlagsValues. */
export const UNDEFINE = {
  MANAGED_SAVE: 1,
  SNAPSHOTS_METADATA: 2,
  NVRAM: 4,
  KEEP_NVRAM: 8,
  CHECKPOINTS_METADATA: 0x10,
  TPM: 0x20,
  KEEP_TPM: 0x40,
} as const;

/** How to end; GRACEFUL never sends SIGKILL. Source: virDomainDestroyFlagsValues. */
export const DESTROY = { DEFAULT: 0, GRACEFUL: 1, REMOVE_LOGS: 2 } as const;

/** How to ask for a shutdown. Source: virDomainShutdownFlagValues. */
export const SHUTDOWN = {
  DEFAULT: 0,
  ACPI_POWER_BTN: 1,
  GUEST_AGENT: 2,
  INITCTL: 4,
  SIGNAL: 8,
  PARAVIRT: 0x10,
} as const;

/** How to ask for a reboot. Source: virDomainRebootFlagValues. */
export const REBOOT = {
  DEFAULT: 0,
  ACPI_POWER_BTN: 1,
  GUEST_AGENT: 2,
  INITCTL: 4,
  SIGNAL: 8,
  PARAVIRT: 0x10,
} as const;

/** Which XML; SECURE shows passwords. Source: virDomainXMLFlags. */
export const XML = { SECURE: 1, INACTIVE: 2, UPDATE_CPU: 4, MIGRATABLE: 8 } as const;

/** What a change or a question is about. Source: virDomainModificationImpact. */
export const AFFECT = { CURRENT: 0, LIVE: 1, CONFIG: 2 } as const;

/** How to change a device. Source: virDomainDeviceModifyFlags. */
export const DEVICE_MODIFY = { CURRENT: 0, LIVE: 1, CONFIG: 2, FORCE: 4 } as const;

/** How to migrate. Source: virDomainMigrateFlags. */
export const MIGRATE = {
  LIVE: 1,
  PEER2PEER: 2,
  TUNNELLED: 4,
  PERSIST_DEST: 8,
  UNDEFINE_SOURCE: 0x10,
  PAUSED: 0x20,
  NON_SHARED_DISK: 0x40,
  NON_SHARED_INC: 0x80,
  CHANGE_PROTECTION: 0x100,
  UNSAFE: 0x200,
  OFFLINE: 0x400,
  COMPRESSED: 0x800,
  ABORT_ON_ERROR: 0x1000,
  AUTO_CONVERGE: 0x2000,
  RDMA_PIN_ALL: 0x4000,
  POSTCOPY: 0x8000,
  TLS: 0x10000,
  PARALLEL: 0x20000,
  NON_SHARED_SYNCHRONOUS_WRITES: 0x40000,
  POSTCOPY_RESUME: 0x80000,
  ZEROCOPY: 0x100000,
} as const;

/** Which phase of a migration. Source: virDomainMigrateMaxSpeedFlags. */
export const MIGRATE_MAX_SPEED = { POSTCOPY: 1 } as const;

/** Which job: the last one that ended instead of the running one. Source: virDomainGetJobStatsFlags. */
export const JOB_STATS = { COMPLETED: 1, KEEP_COMPLETED: 2 } as const;

/** Whom to ask for a guest's name. Source: virDomainGetHostnameFlags. */
export const GET_HOSTNAME = { LEASE: 1, AGENT: 2 } as const;

/** What to ask the agent for. Source: virDomainGuestInfoTypes. */
export const GUEST_INFO = {
  USERS: 1,
  OS: 2,
  TIMEZONE: 4,
  HOSTNAME: 8,
  FILESYSTEM: 0x10,
  DISKS: 0x20,
  INTERFACES: 0x40,
} as const;

/** How to speak to the emulator's monitor. Source: libvirt-qemu.h, virDomainQemuMonitorCommandFlags. */
export const MONITOR_COMMAND = { DEFAULT: 0, HMP: 1 } as const;

/** How one CPU compares with another. Source: libvirt-host.h, virCPUCompareResult. */
export const CPU_COMPARE = { INCOMPATIBLE: 0, IDENTICAL: 1, SUPERSET: 2 } as const;

/** What a driver or the daemon can do. Source: libvirt_internal.h, VIR_DRV_FEATURE. */
export const FEATURE = {
  MIGRATION_P2P: 4,
  MIGRATION_V3: 6,
  TYPED_PARAM_STRING: 9,
  PROGRAM_KEEPALIVE: 10,
  XML_MIGRATABLE: 11,
  MIGRATION_OFFLINE: 12,
  MIGRATION_PARAMS: 13,
  REMOTE_EVENT_CALLBACK: 14,
  REMOTE_CLOSE_CALLBACK: 15,
} as const;
