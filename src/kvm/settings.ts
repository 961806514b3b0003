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
  /** libvirt's folder of QEMU pid files. */
  readonly runDirectory: string;
}
