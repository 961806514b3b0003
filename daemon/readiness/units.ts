import { access } from "node:fs/promises";
import { hasCode, messageOf } from "../../src/agent-error.ts";
import {
  type Check,
  type CheckedResource,
  type CheckRow,
  type RowMaker,
  rowsOf,
} from "../../src/readiness.ts";
import { runHostCommand } from "../hares.ts";
import type { TypeTimeouts } from "./timeouts.ts";

const UNIT = "vcskvmguestd.service";

/** systemd answers from memory. */
const SYSTEMCTL_MS = 5000;

/** Guests that the framework stops at the same time. Source: type attribute NumThreads, its default. */
const STOPS_AT_ONCE = 10;

/** What the engine needs beside the guests to leave the cluster. */
const ENGINE_S = 30;

/** Where systemd is asked. */
export interface Systemd {
  readonly systemctl: string;
  /** There where systemd runs this host. Source: sd_booted(3). */
  readonly marker: string;
}

type Properties = ReadonlyMap<string, string>;

/** Does the daemon start after libvirt and before the engine, and stop the other way round? */
export function unitOrderCheck(systemd: Systemd): Check {
  const row = rowsOf("unit order", UNIT);
  return {
    name: "unit order",
    about: UNIT,
    async look(signal) {
      const names = ["LoadState", "UnitFileState", "After", "Before"];
      const unit = await propertiesOf(systemd, UNIT, names, signal);
      if (typeof unit === "string") return [row.notChecked(unit)];
      if (unit.get("LoadState") !== "loaded")
        return [
          row.warning("systemd does not know the unit", "install the package, then systemctl daemon-reload"),
        ];
      const rows = orderRows(row, unit);
      return rows.length > 0 ? rows : [row.ok("enabled, after libvirt and before vcs.service")];
    },
  };
}

function orderRows(row: RowMaker, unit: Properties): readonly CheckRow[] {
  const listed = (name: string) => (unit.get(name) ?? "").split(/\s+/);
  const [after, before, state] = [listed("After"), listed("Before"), unit.get("UnitFileState") ?? ""];
  const rows: CheckRow[] = [];
  if (!["enabled", "enabled-runtime", "static", "indirect", "generated"].includes(state))
    rows.push(
      row.warning(
        `the unit is ${state === "" ? "not enabled" : state}: it does not start with the host`,
        `systemctl enable ${UNIT}`,
      ),
    );
  if (!after.includes("libvirtd.service") && !after.includes("virtqemud.service"))
    rows.push(
      row.problem(
        "it is not ordered after libvirtd or virtqemud: at shutdown libvirt may go first",
        `systemctl edit ${UNIT}: [Unit] After=virtqemud.service libvirtd.service`,
      ),
    );
  if (!before.includes("vcs.service"))
    rows.push(
      row.problem(
        "it is not ordered before vcs.service: at shutdown the daemon may go while the engine still stops guests",
        `systemctl edit ${UNIT}: [Unit] Before=vcs.service`,
      ),
    );
  return rows;
}

/**
 * Does systemd leave the engine the time that its guests may take to stop when the host is shut down?
 *
 * @param timeouts reads the type's; where it fails, they are left out
 */
export function shutdownTimeCheck(
  systemd: Systemd,
  resources: readonly CheckedResource[],
  timeouts: (signal: AbortSignal) => Promise<TypeTimeouts>,
): Check {
  const row = rowsOf("shutdown time", "vcs.service");
  return {
    name: "shutdown time",
    about: "vcs.service",
    async look(signal) {
      const unit = await propertiesOf(systemd, "vcs.service", ["LoadState", "TimeoutStopUSec"], signal);
      if (typeof unit === "string") return [row.notChecked(unit)];
      if (unit.get("LoadState") !== "loaded")
        return [row.notChecked("systemd knows no vcs.service on this host")];
      const needS = stopSeconds(resources);
      const words = `${resources.length} guests, ${STOPS_AT_ONCE} at a time, may take ${needS} s to stop`;
      const limit = unit.get("TimeoutStopUSec") ?? "";
      const limitS = secondsIn(limit);
      if (limitS === undefined)
        return [row.notChecked(`systemd's words for its limit are not understood: ${limit}`)];
      if (limitS >= needS) {
        const patienceS = await patienceSeconds(timeouts, signal);
        if (!(patienceS > limitS)) return [row.ok(`${words}; systemd gives ${limit}`)];
        return [
          row.warning(
            `${words}, and systemd gives ${limit}; but where storage hangs, the engine waits up to ${patienceS} s for one guest alone (OfflineTimeout, CleanTimeout)`,
            `systemctl edit vcs.service: [Service] TimeoutStopSec=${patienceS}, or shorter timeouts of the type`,
          ),
        ];
      }
      return [
        row.problem(
          `${words}, but systemd kills the engine after ${limit}, and then libvirt and the guests go down with the host`,
          `systemctl edit vcs.service: [Service] TimeoutStopSec=${needS}`,
        ),
      ];
    },
  };
}

/** The longest that the engine waits for one guest, to its entry points' limits; NaN where it does not tell them. */
async function patienceSeconds(
  timeouts: (signal: AbortSignal) => Promise<TypeTimeouts>,
  signal: AbortSignal,
): Promise<number> {
  try {
    const { offlineS, cleanS } = await timeouts(signal);
    return offlineS + cleanS + ENGINE_S;
  } catch {
    return Number.NaN; // the check of the type says why
  }
}

/** The longest that all guests together may take: each its DelayAfterGuestOffline, so many of them at a time. */
export function stopSeconds(resources: readonly CheckedResource[]): number {
  const delays = resources
    .map(({ attributes }) => attributes.delayAfterGuestOfflineS)
    .toSorted((one, other) => other - one);
  // the slowest ones of each round, when the slow ones happen to be spread worst
  const rounds = delays.filter((_delay, at) => at % STOPS_AT_ONCE === 0);
  return rounds.reduce((sum, delay) => sum + delay, 0) + ENGINE_S;
}

/** Source: systemd.time(7), time spans: `1min 30s`; undefined for words that are none. */
export function secondsIn(span: string): number | undefined {
  if (span === "infinity") return Number.POSITIVE_INFINITY;
  const parts = span.trim().split(/\s+/);
  const seconds = parts.map((part) => {
    const [, number, unit = "s"] = /^(\d+(?:\.\d+)?)(us|ms|s|min|h|d|w|month|y)?$/.exec(part) ?? [];
    return number === undefined ? Number.NaN : Number(number) * (UNIT_S.get(unit) ?? Number.NaN);
  });
  const sum = seconds.reduce((total, one) => total + one, 0);
  return Number.isNaN(sum) ? undefined : sum;
}

const UNIT_S: ReadonlyMap<string, number> = new Map([
  ["us", 1e-6],
  ["ms", 1e-3],
  ["s", 1],
  ["min", 60],
  ["h", 3600],
  ["d", 86_400],
  ["w", 604_800],
  ["month", 2_629_800],
  ["y", 31_557_600],
]);

/** Properties of a unit, or why they cannot be had. */
async function propertiesOf(
  { systemctl, marker }: Systemd,
  unit: string,
  names: readonly string[],
  signal: AbortSignal,
): Promise<Properties | string> {
  const isThere = await access(marker).then(
    () => true,
    () => false,
  );
  if (!isThere) return "systemd does not run this host";
  try {
    const command = { command: systemctl, timeoutMs: SYSTEMCTL_MS };
    const output = await runHostCommand(command, ["show", unit, "-p", names.join(",")], signal);
    const lines = output.split("\n").filter((line) => line.includes("="));
    return new Map(
      lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
    );
  } catch (error) {
    if (hasCode(error, "CANCELLED")) throw error;
    return messageOf(error);
  }
}
