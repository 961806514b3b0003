import type { KvmSettings } from "../../../src/kvm/settings.ts";

/** Settings of the platform that a test may change while they are in use. */
export type ChangeableSettings = { -readonly [Key in keyof KvmSettings]: KvmSettings[Key] };

/** The platform's settings as the configuration has them by default. */
export function defaultSettings(runDirectory: string): ChangeableSettings {
  return {
    overrides: new Map(),
    guestPowerOff: "fault",
    autostart: "clear",
    shutdown: "acpi",
    managedSave: "restore",
    sync: { secrets: false, versions: 3 },
    uri: "qemu:///system",
    peers: new Map(),
    doubleStart: "warn",
    runDirectory,
    payloadDirectory: `${runDirectory}/payload`,
    migration: {
      migrateUri: undefined,
      bandwidthMiBps: undefined,
      parallelConnections: undefined,
      downtimeMs: undefined,
      autoConverge: true,
      postCopy: false,
      encrypt: false,
    },
  };
}
