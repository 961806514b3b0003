import { writeSync } from "node:fs";
import { messageOf } from "../src/agent-error.ts";
import type { Log } from "../src/log.ts";

/** What systemd, which started this process, wants to know of it. */
export interface Systemd {
  /**
   * Tells it lines of the service's state, such as `READY=1`, in one message. What cannot be told now is told before the
   * next message. Does nothing where systemd did not ask.
   */
  tell(...lines: readonly string[]): void;
  /** It kills this process when it hears nothing for so long; undefined: never. */
  readonly watchdogMs: number | undefined;
}

/** More messages are not kept: they tell of states, and the last ones count. */
const UNTOLD_AT_MOST = 16;

/**
 * systemd as this process's environment describes it. Node has no datagram sockets of the Unix family: the unit starts
 * systemd/with-notify-socket, which connects one and becomes Node, where a write to the descriptor is a message.
 *
 * Source: sd_notify(3), sd_watchdog_enabled(3).
 */
export function systemdOf(env: Readonly<Record<string, string | undefined>>, log: Log): Systemd {
  const fd = Number(env["VCSKVMGUESTD_NOTIFY_FD"] ?? Number.NaN);
  if (!Number.isInteger(fd)) return { tell: () => undefined, watchdogMs: undefined };
  const untold: string[] = [];
  let isFailing = false;
  const tell = (...lines: readonly string[]) => {
    untold.push(lines.map(oneLine).join("\n"));
    if (untold.length > UNTOLD_AT_MOST) untold.shift();
    try {
      for (let [message] = untold; message !== undefined; [message] = untold) {
        writeSync(fd, message);
        untold.shift();
      }
      if (isFailing) log.info({}, "systemd is told of the service again");
      isFailing = false;
    } catch (error) {
      if (!isFailing) log.warn({ reason: messageOf(error) }, "systemd cannot be told of the service");
      isFailing = true;
    }
  };
  return { tell, watchdogMs: watchdogMs(env) };
}

function watchdogMs(env: Readonly<Record<string, string | undefined>>): number | undefined {
  const { WATCHDOG_USEC: limit = "", WATCHDOG_PID: pid = String(process.pid) } = env;
  if (!/^[1-9]\d{0,14}$/.test(limit) || pid !== String(process.pid)) return undefined;
  return Number(limit) / 1000;
}

/** A line end would begin another assignment. */
function oneLine(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, " ");
}
