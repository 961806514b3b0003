/**
 * Static attributes that the framework gives every type, in seconds or counts, unless the type or the resource
 * sets another value. Source: Administrator's Guide, resource type attributes, and Agent Developer's Guide, static
 * attributes; the numbers that only memory vouches for are listed in README.md.
 */
const FRAMEWORK_DEFAULTS = {
  MonitorInterval: 60,
  OfflineMonitorInterval: 300,
  MonitorTimeout: 60,
  OnlineTimeout: 300,
  OfflineTimeout: 300,
  CleanTimeout: 60,
  OpenTimeout: 60,
  CloseTimeout: 60,
  AttrChangedTimeout: 60,
  ActionTimeout: 30,
  MigrateTimeout: 300,
  MigrateWaitLimit: 2,
  OnlineWaitLimit: 2,
  OfflineWaitLimit: 0,
  OnlineRetryLimit: 0,
  RestartLimit: 0,
  ToleranceLimit: 0,
  ConfInterval: 600,
  FaultOnMonitorTimeouts: 4,
  CleanRetryLimit: 0,
  IntentionalOffline: 0,
  AEPTimeout: 0,
} as const satisfies Record<string, number>;

/** A number that the framework works with. */
export type FrameworkNumber = keyof typeof FRAMEWORK_DEFAULTS;

/** What holds when nobody says otherwise. */
export function frameworkDefault(name: FrameworkNumber): number {
  return FRAMEWORK_DEFAULTS[name];
}

/** Not of the type, yet allowed in every resource of main.cf. */
const RESOURCE_ATTRIBUTES = new Set(["Enabled", "Critical", "AutoStart", "ComputeStats", "TriggerEvent"]);

/** True for an attribute that a resource may set although its type does not name it. */
export function isFrameworkAttribute(name: string): boolean {
  return Object.hasOwn(FRAMEWORK_DEFAULTS, name) || RESOURCE_ATTRIBUTES.has(name);
}

/** Static attributes that `hares -override` refuses. Source: Agent Developer's Guide 7.3. */
export const NOT_OVERRIDABLE: ReadonlySet<string> = new Set(["AEPTimeout", "SupportedActions"]);
