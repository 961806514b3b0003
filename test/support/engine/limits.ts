import type { Limits } from "./decisions.ts";
import type { ResourceSettings } from "./resource-settings.ts";

/**
 * The limits that hold for a resource now.
 *
 * Source: Administrator's Guide, resource type attributes; ConfInterval is never shorter than the time that ToleranceLimit reports take.
 */
export function limitsOf(settings: ResourceSettings): Limits {
  const interval = settings.number("MonitorInterval");
  const tolerance = settings.number("ToleranceLimit");
  const isRaised = tolerance > 0;
  const floorS = (interval + settings.number("MonitorTimeout")) * tolerance + interval + 10;
  const confIntervalS = settings.number("ConfInterval");
  return {
    onlineWait: settings.number("OnlineWaitLimit"),
    offlineWait: settings.number("OfflineWaitLimit"),
    onlineRetry: settings.number("OnlineRetryLimit"),
    restart: settings.number("RestartLimit"),
    tolerance,
    migrateWait: settings.number("MigrateWaitLimit"),
    faultOnMonitorTimeouts: settings.number("FaultOnMonitorTimeouts"),
    confIntervalMs: 1000 * (isRaised ? Math.max(confIntervalS, floorS) : confIntervalS),
  };
}
