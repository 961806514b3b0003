/*
 * States, reasons and other numbers of libvirt-domain.h, each table with the C enum it is from. A number that is not
 * in a table comes from a newer libvirt.
 */

/** What a domain does. Source: virDomainState. */
export const DOMAIN_STATE = {
  NOSTATE: 0,
  RUNNING: 1,
  BLOCKED: 2,
  PAUSED: 3,
  SHUTDOWN: 4,
  SHUTOFF: 5,
  CRASHED: 6,
  PMSUSPENDED: 7,
} as const;

/** Why a domain has no state. Source: virDomainNostateReason. */
export const NOSTATE_REASON = { UNKNOWN: 0 } as const;

/** Why a domain runs. Source: virDomainRunningReason. */
export const RUNNING_REASON = {
  UNKNOWN: 0,
  BOOTED: 1,
  MIGRATED: 2,
  RESTORED: 3,
  FROM_SNAPSHOT: 4,
  UNPAUSED: 5,
  MIGRATION_CANCELED: 6,
  SAVE_CANCELED: 7,
  WAKEUP: 8,
  CRASHED: 9,
  POSTCOPY: 10,
  POSTCOPY_FAILED: 11,
} as const;

/** Why a domain waits for something. Source: virDomainBlockedReason. */
export const BLOCKED_REASON = { UNKNOWN: 0 } as const;

/** Why a domain stands still. Source: virDomainPausedReason. */
export const PAUSED_REASON = {
  UNKNOWN: 0,
  USER: 1,
  MIGRATION: 2,
  SAVE: 3,
  DUMP: 4,
  IOERROR: 5,
  WATCHDOG: 6,
  FROM_SNAPSHOT: 7,
  SHUTTING_DOWN: 8,
  SNAPSHOT: 9,
  CRASHED: 10,
  STARTING_UP: 11,
  POSTCOPY: 12,
  POSTCOPY_FAILED: 13,
} as const;

/** Why a domain is shutting down. Source: virDomainShutdownReason. */
export const SHUTDOWN_REASON = { UNKNOWN: 0, USER: 1 } as const;

/** Why a domain is off. Source: virDomainShutoffReason. */
export const SHUTOFF_REASON = {
  UNKNOWN: 0,
  SHUTDOWN: 1,
  DESTROYED: 2,
  CRASHED: 3,
  MIGRATED: 4,
  SAVED: 5,
  FAILED: 6,
  FROM_SNAPSHOT: 7,
  DAEMON: 8,
} as const;

/** Why a domain is crashed. Source: virDomainCrashedReason. */
export const CRASHED_REASON = { UNKNOWN: 0, PANICKED: 1 } as const;

/** Why a domain sleeps. Source: virDomainPMSuspendedReason. */
export const PMSUSPENDED_REASON = { UNKNOWN: 0 } as const;

/** Whether libvirt can talk to the emulator. Source: virDomainControlState. */
export const CONTROL_STATE = { OK: 0, JOB: 1, OCCUPIED: 2, ERROR: 3 } as const;

/** Why it cannot: the details of CONTROL_STATE.ERROR. Source: virDomainControlErrorReason. */
export const CONTROL_ERROR_REASON = { NONE: 0, UNKNOWN: 1, MONITOR: 2, INTERNAL: 3 } as const;

/** What is wrong with a disk. Source: virDomainDiskErrorCode. */
export const DISK_ERROR = { NONE: 0, UNSPEC: 1, NO_SPACE: 2 } as const;

/** Whether a job runs, and how it ended. Source: virDomainJobType. */
export const JOB_TYPE = { NONE: 0, BOUNDED: 1, UNBOUNDED: 2, COMPLETED: 3, FAILED: 4, CANCELLED: 5 } as const;

/** What a job does: the field `operation` of its statistics. Source: virDomainJobOperation. */
export const JOB_OPERATION = {
  UNKNOWN: 0,
  START: 1,
  SAVE: 2,
  RESTORE: 3,
  MIGRATION_IN: 4,
  MIGRATION_OUT: 5,
  SNAPSHOT: 6,
  SNAPSHOT_REVERT: 7,
  DUMP: 8,
  BACKUP: 9,
  SNAPSHOT_DELETE: 10,
} as const;

/** Which metadata. Source: virDomainMetadataType. */
export const METADATA_TYPE = { DESCRIPTION: 0, TITLE: 1, ELEMENT: 2 } as const;

/** Whom to ask for addresses. Source: virDomainInterfaceAddressesSource. */
export const INTERFACE_ADDRESSES = { LEASE: 0, AGENT: 1, ARP: 2 } as const;

/** How long libvirtd waits for the agent; a number from 1 up is seconds. Source: virDomainAgentResponseTimeoutValues. */
export const AGENT_TIMEOUT = { BLOCK: -2, DEFAULT: -1, NOWAIT: 0 } as const;

/** The kinds of events that can be registered. Source: virDomainEventID. */
export const EVENT_ID = {
  LIFECYCLE: 0,
  REBOOT: 1,
  RTC_CHANGE: 2,
  WATCHDOG: 3,
  IO_ERROR: 4,
  GRAPHICS: 5,
  IO_ERROR_REASON: 6,
  CONTROL_ERROR: 7,
  BLOCK_JOB: 8,
  DISK_CHANGE: 9,
  TRAY_CHANGE: 10,
  PMWAKEUP: 11,
  PMSUSPEND: 12,
  BALLOON_CHANGE: 13,
  PMSUSPEND_DISK: 14,
  DEVICE_REMOVED: 15,
  BLOCK_JOB_2: 16,
  TUNABLE: 17,
  AGENT_LIFECYCLE: 18,
  DEVICE_ADDED: 19,
  MIGRATION_ITERATION: 20,
  JOB_COMPLETED: 21,
  DEVICE_REMOVAL_FAILED: 22,
  METADATA_CHANGE: 23,
  BLOCK_THRESHOLD: 24,
  MEMORY_FAILURE: 25,
  MEMORY_DEVICE_SIZE_CHANGE: 26,
} as const;

/** What happened in a life-cycle event. Source: virDomainEventType. */
export const LIFECYCLE_EVENT = {
  DEFINED: 0,
  UNDEFINED: 1,
  STARTED: 2,
  SUSPENDED: 3,
  RESUMED: 4,
  STOPPED: 5,
  SHUTDOWN: 6,
  PMSUSPENDED: 7,
  CRASHED: 8,
} as const;

/** How a domain was defined. Source: virDomainEventDefinedDetailType. */
export const DEFINED_DETAIL = { ADDED: 0, UPDATED: 1, RENAMED: 2, FROM_SNAPSHOT: 3 } as const;

/** How a definition went. Source: virDomainEventUndefinedDetailType. */
export const UNDEFINED_DETAIL = { REMOVED: 0, RENAMED: 1 } as const;

/** How a domain started. Source: virDomainEventStartedDetailType. */
export const STARTED_DETAIL = { BOOTED: 0, MIGRATED: 1, RESTORED: 2, FROM_SNAPSHOT: 3, WAKEUP: 4 } as const;

/** Why a domain was suspended. Source: virDomainEventSuspendedDetailType. */
export const SUSPENDED_DETAIL = {
  PAUSED: 0,
  MIGRATED: 1,
  IOERROR: 2,
  WATCHDOG: 3,
  RESTORED: 4,
  FROM_SNAPSHOT: 5,
  API_ERROR: 6,
  POSTCOPY: 7,
  POSTCOPY_FAILED: 8,
} as const;

/** Why a domain goes on. Source: virDomainEventResumedDetailType. */
export const RESUMED_DETAIL = {
  UNPAUSED: 0,
  MIGRATED: 1,
  FROM_SNAPSHOT: 2,
  POSTCOPY: 3,
  POSTCOPY_FAILED: 4,
} as const;

/** Why a domain stopped. Source: virDomainEventStoppedDetailType. */
export const STOPPED_DETAIL = {
  SHUTDOWN: 0,
  DESTROYED: 1,
  CRASHED: 2,
  MIGRATED: 3,
  SAVED: 4,
  FAILED: 5,
  FROM_SNAPSHOT: 6,
} as const;

/** Who asked for the shutdown: the guest, the host, or not known. Source: virDomainEventShutdownDetailType. */
export const SHUTDOWN_DETAIL = { FINISHED: 0, GUEST: 1, HOST: 2 } as const;

/** How a guest fell asleep. Source: virDomainEventPMSuspendedDetailType. */
export const PMSUSPENDED_DETAIL = { MEMORY: 0, DISK: 1 } as const;

/** How a guest crashed. Source: virDomainEventCrashedDetailType. */
export const CRASHED_DETAIL = { PANICKED: 0, CRASHLOADED: 1 } as const;

/** What the watchdog did. Source: virDomainEventWatchdogAction. */
export const WATCHDOG_ACTION = {
  NONE: 0,
  PAUSE: 1,
  RESET: 2,
  POWEROFF: 3,
  SHUTDOWN: 4,
  DEBUG: 5,
  INJECTNMI: 6,
} as const;

/** What the emulator did about a failed disk. Source: virDomainEventIOErrorAction. */
export const IO_ERROR_ACTION = { NONE: 0, PAUSE: 1, REPORT: 2 } as const;

/** Whether the guest agent is there. Source: virConnectDomainEventAgentLifecycleState. */
export const AGENT_LIFECYCLE_STATE = { CONNECTED: 1, DISCONNECTED: 2 } as const;

/** Why the guest agent came or went. Source: virConnectDomainEventAgentLifecycleReason. */
export const AGENT_LIFECYCLE_REASON = { UNKNOWN: 0, DOMAIN_STARTED: 1, CHANNEL: 2 } as const;
