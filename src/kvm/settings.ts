import type { SavedMemoryPolicy } from "../saved-memory.ts";
import type { StateOverrides } from "./state-table.ts";

/** What the configuration decides for this platform; read anew at each use, so that a reload takes effect. */
export interface KvmSettings {
  readonly overrides: StateOverrides;
  /** What a power-off from inside the guest means. */
  readonly guestPowerOff: "fault" | "intentional";
  /** Whether libvirt's own autostart of a kept guest is cleared or only reported. */
  readonly autostart: "clear" | "warn";
  /** How a guest is asked to stop; `agent` falls back to ACPI. */
  readonly shutdown: "acpi" | "agent";
  /** URIs of the libvirtds of the cluster's other systems, by system. */
  readonly peers: ReadonlyMap<string, string>;
  /** Whether a start goes on when a peer cannot be read. */
  readonly doubleStart: "warn" | "strict";
  /** How virsh names this host's libvirt. */
  readonly uri: string;
  /** What online does with the memory of a guest that was saved: see savedMemoryVerdict. */
  readonly managedSave: SavedMemoryPolicy;
  readonly sync: {
    /** Whether passwords of displays are in the copies of definitions. */
    readonly secrets: boolean;
    /** How many earlier copies are kept. */
    readonly versions: number;
  };
  /** libvirt's folder of QEMU pid files. */
  readonly runDirectory: string;
  /** Where CD-ROM images for guests are. */
  readonly payloadDirectory: string;
  readonly migration: MigrationSettings;
}

/** How guests are migrated. */
export interface MigrationSettings {
  /** Where the memory goes, with `{host}` for the host of the peer's URI; undefined: libvirt chooses. */
  readonly migrateUri: string | undefined;
  readonly bandwidthMiBps: number | undefined;
  readonly parallelConnections: number | undefined;
  /** The longest that the guest may stand still at the end. */
  readonly downtimeMs: number | undefined;
  /** Slows a guest that writes faster than the network carries. */
  readonly autoConverge: boolean;
  /** Lets the guest run on the target before all its memory is there. */
  readonly postCopy: boolean;
  /** Has the emulators encrypt the memory on its way. */
  readonly encrypt: boolean;
}
