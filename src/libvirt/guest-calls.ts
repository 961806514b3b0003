import { DomainCalls } from "./domain-calls.ts";
import type { CallOptions } from "./host-calls.ts";
import {
  type BlockInfo,
  DOMAIN_PROCEDURES,
  type GuestInterface,
  QEMU_PROCEDURES,
} from "./procedures-domain.ts";
import { JOB_PROCEDURES, type JobInfo, type JobStats, type PeerToPeerMigration } from "./procedures-job.ts";
import type { TypedParams } from "./structures.ts";

/** What a domain's metadata is asked for: METADATA_TYPE, the XML namespace of an element, AFFECT flags. */
export type MetadataSelection = { type: number; namespace?: string; flags: number };

/** A guest agent's command in its own JSON; `timeoutS` as AGENT_TIMEOUT or seconds, counted by libvirtd. */
export type AgentCommand = { command: string; timeoutS: number };

/** The calls about jobs and migrations, devices, and what is inside a guest. */
export abstract class GuestCalls extends DomainCalls {
  /** The job that runs, in fixed fields. */
  getJobInfo(uuid: string, options?: CallOptions): Promise<JobInfo> {
    return this.call(JOB_PROCEDURES.getJobInfo, { uuid }, options);
  }

  /** The job that runs or, by JOB_STATS flags, that ended, in libvirt's own fields. */
  getJobStats(uuid: string, flags: number, options?: CallOptions): Promise<JobStats> {
    return this.call(JOB_PROCEDURES.getJobStats, { uuid, flags }, options);
  }

  /** Asks the job to end and returns at once; the job's own call fails about a second later. */
  abortJob(uuid: string, options?: CallOptions): Promise<void> {
    return this.call(JOB_PROCEDURES.abortJob, { uuid }, options);
  }

  /**
   * Has the source daemon migrate a domain and waits for the end. Giving the call up, or losing the connection, does
   * not end the migration: abortJob does.
   *
   * @returns libvirt's cookie, of no use after a peer-to-peer migration
   */
  migratePerform3Params(
    uuid: string,
    migration: PeerToPeerMigration,
    options?: CallOptions,
  ): Promise<Buffer> {
    return this.call(JOB_PROCEDURES.migratePerform3Params, { uuid, ...migration }, options);
  }

  /** Limits how long the guest stands still at the end of a running migration. */
  migrateSetMaxDowntime(uuid: string, downtimeMs: number, options?: CallOptions): Promise<void> {
    return this.call(JOB_PROCEDURES.migrateSetMaxDowntime, { uuid, limit: downtimeMs, flags: 0 }, options);
  }

  /** Limits the bandwidth of migrations; MIGRATE_MAX_SPEED flags. */
  migrateSetMaxSpeed(
    uuid: string,
    mebibytesPerS: number,
    flags: number,
    options?: CallOptions,
  ): Promise<void> {
    return this.call(JOB_PROCEDURES.migrateSetMaxSpeed, { uuid, limit: mebibytesPerS, flags }, options);
  }

  /** Lets a migration that was begun with MIGRATE.POSTCOPY run the guest on the destination from now on. */
  migrateStartPostCopy(uuid: string, options?: CallOptions): Promise<void> {
    return this.call(JOB_PROCEDURES.migrateStartPostCopy, { uuid, flags: 0 }, options);
  }

  /** Looks at a disk, by path or target, of a domain that may be off; may wait for storage or a hung emulator. */
  getBlockInfo(uuid: string, disk: string, options?: CallOptions): Promise<BlockInfo> {
    return this.call(DOMAIN_PROCEDURES.getBlockInfo, { uuid, disk, flags: 0 }, options);
  }

  /** Adds a device; DEVICE_MODIFY flags. */
  attachDevice(uuid: string, xml: string, flags: number, options?: CallOptions): Promise<void> {
    return this.call(DOMAIN_PROCEDURES.attachDevice, { uuid, xml, flags }, options);
  }

  /** Removes the device that the XML describes; DEVICE_MODIFY flags. */
  detachDevice(uuid: string, xml: string, flags: number, options?: CallOptions): Promise<void> {
    return this.call(DOMAIN_PROCEDURES.detachDevice, { uuid, xml, flags }, options);
  }

  /** Changes a device, for instance the medium of a CD drive; DEVICE_MODIFY flags. */
  updateDevice(uuid: string, xml: string, flags: number, options?: CallOptions): Promise<void> {
    return this.call(DOMAIN_PROCEDURES.updateDevice, { uuid, xml, flags }, options);
  }

  /** Title, description or an XML element of the domain's metadata. */
  getMetadata(
    uuid: string,
    { type, namespace, flags }: MetadataSelection,
    options?: CallOptions,
  ): Promise<string> {
    return this.call(
      DOMAIN_PROCEDURES.getMetadata,
      { uuid, type, namespace: namespace ?? null, flags },
      options,
    );
  }

  /** The name the guest gives itself; GET_HOSTNAME flags. */
  getDomainHostname(uuid: string, flags: number, options?: CallOptions): Promise<string> {
    return this.call(DOMAIN_PROCEDURES.getDomainHostname, { uuid, flags }, options);
  }

  /** The guest's network addresses; `source` as INTERFACE_ADDRESSES. */
  interfaceAddresses(uuid: string, source: number, options?: CallOptions): Promise<GuestInterface[]> {
    return this.call(DOMAIN_PROCEDURES.interfaceAddresses, { uuid, source }, options);
  }

  /** What the guest agent tells, in libvirt's own fields; GUEST_INFO bits, 0: all. */
  getGuestInfo(uuid: string, types: number, options?: CallOptions): Promise<TypedParams> {
    return this.call(DOMAIN_PROCEDURES.getGuestInfo, { uuid, types, flags: 0 }, options);
  }

  /** Has the guest agent run one command and returns its JSON; null if libvirtd did not wait for it. */
  agentCommand(
    uuid: string,
    { command, timeoutS }: AgentCommand,
    options?: CallOptions,
  ): Promise<string | null> {
    return this.call(QEMU_PROCEDURES.agentCommand, { uuid, command, timeoutS, flags: 0 }, options);
  }

  /** Sends one command to the emulator's monitor; MONITOR_COMMAND flags. libvirt then marks the domain tainted. */
  monitorCommand(uuid: string, command: string, flags: number, options?: CallOptions): Promise<string> {
    return this.call(QEMU_PROCEDURES.monitorCommand, { uuid, command, flags }, options);
  }
}
