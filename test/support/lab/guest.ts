import { readFile, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { join } from "node:path";
import { freezeProcess } from "./freeze.ts";
import { type GuestOptions, guestXml } from "./guest-xml.ts";
import type { PrivateLibvirtd } from "./libvirtd.ts";
import { until } from "./until.ts";

/** Defines a guest and leaves it off. */
export async function defineGuest(libvirtd: PrivateLibvirtd, options: GuestOptions): Promise<void> {
  await libvirtd.virsh("define", await xmlFile(libvirtd, options));
}

/** Defines a guest and starts it; returns while it boots. */
export async function startGuest(libvirtd: PrivateLibvirtd, options: GuestOptions): Promise<void> {
  await defineGuest(libvirtd, options);
  await libvirtd.virsh("start", options.name);
}

/** Starts a transient guest: gone from libvirt as soon as it ends. */
export async function createGuest(libvirtd: PrivateLibvirtd, options: GuestOptions): Promise<void> {
  await libvirtd.virsh("create", await xmlFile(libvirtd, options));
}

async function xmlFile(libvirtd: PrivateLibvirtd, options: GuestOptions): Promise<string> {
  const file = join(libvirtd.folder, `${options.name}.xml`);
  await writeFile(file, guestXml(options));
  return file;
}

/**
 * Host paths, as libvirtd sees them, for a guest's serial log and console; both go with the libvirtd. On all hosts of a
 * lab they are the same, and the log is one and the same file.
 */
export function guestPaths(
  libvirtd: PrivateLibvirtd,
  name: string,
): { serialLog: string; consolePath: string } {
  return {
    serialLog: join(libvirtd.folder, `${name}.serial`),
    consolePath: join(libvirtd.socketFolder, `${name}.console`),
  };
}

/**
 * Waits until a guest has said something, and returns that line.
 *
 * @param text for instance READY, BUTTON, POWEROFF, PONG, TICK 3; any part of a line
 * @throws {Error} the limit passed; the message ends with what the guest said last
 */
export async function waitForMarker(logFile: string, text: string, limitMs = 90_000): Promise<string> {
  let said = "";
  const find = async (): Promise<string | undefined> => {
    said = await readFile(logFile, "latin1");
    return said.split("\n").find((line) => line.includes(text));
  };
  try {
    return (await until(`${text} in ${logFile}`, find, limitMs)).trim();
  } catch (error) {
    throw new Error(`no ${text} in ${logFile}, which ends with: ${said.slice(-300)}`, { cause: error });
  }
}

/**
 * Types a line on a guest's console: poweroff, reboot, panic, hang, suspend or ping. The guest must have said READY.
 * Resolves when the guest has heard it; until then the connection stays open, because QEMU drops what is unread.
 *
 * @throws {Error} nobody is at the console, or the guest does not hear (it hangs, sleeps or is frozen)
 */
export function typeOnConsole(consolePath: string, line: string, limitMs = 60_000): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(consolePath);
    let heard = "";
    const limit = setTimeout(() => {
      socket.destroy();
      reject(new Error(`the guest at ${consolePath} has not heard "${line}" within ${limitMs} ms`));
    }, limitMs);
    const end = (settle: () => void): void => {
      clearTimeout(limit);
      socket.destroy();
      settle();
    };
    socket.setEncoding("latin1");
    socket.on("connect", () => socket.write(`${line}\n`));
    socket.on("error", (error) => end(() => reject(error)));
    socket.on("close", () => end(() => reject(new Error(`the console ${consolePath} closed`))));
    socket.on("data", (text) => {
      heard += text.toString();
      if (heard.includes(`HEARD ${line}`)) end(resolve);
    });
  });
}

/**
 * The pid of a running guest's emulator, as everybody sees it, from libvirt's pid file and checked against what that
 * process really is.
 *
 * @throws {Error} no pid file, or the process is gone or somebody else's
 */
export async function emulatorPid(libvirtd: PrivateLibvirtd, name: string): Promise<number> {
  const file = join(libvirtd.runDirectory, `${name}.pid`);
  const pid = await libvirtd.outsidePid(Number.parseInt(await readFile(file, "latin1"), 10));
  const words = (await readFile(`/proc/${pid}/cmdline`, "latin1")).split("\0");
  if (words.some((word) => word.startsWith(`guest=${name},`))) return pid;
  throw new Error(`process ${pid} of ${file} is not the emulator of ${name}`);
}

/** Sends a signal to a guest's emulator and returns its pid. */
async function signalEmulator(
  libvirtd: PrivateLibvirtd,
  name: string,
  signal: NodeJS.Signals,
): Promise<number> {
  const pid = await emulatorPid(libvirtd, name);
  process.kill(pid, signal);
  return pid;
}

/** Kills a guest's emulator as the kernel would at the end of memory. */
export function killEmulator(libvirtd: PrivateLibvirtd, name: string): Promise<number> {
  return signalEmulator(libvirtd, name, "SIGKILL");
}

/** Stops a guest's emulator without libvirt noticing: it still says `running`. */
export async function freezeEmulator(libvirtd: PrivateLibvirtd, name: string): Promise<number> {
  const pid = await emulatorPid(libvirtd, name);
  await freezeProcess(pid);
  return pid;
}

/** Lets a frozen emulator go on. */
export function thawEmulator(libvirtd: PrivateLibvirtd, name: string): Promise<number> {
  return signalEmulator(libvirtd, name, "SIGCONT");
}

/** libvirt's state and reason of a guest, for instance `running (booted)`. @throws {Error} it is not defined */
export function domainState(libvirtd: PrivateLibvirtd, name: string): Promise<string> {
  return libvirtd.virsh("domstate", "--reason", name);
}

/** Waits until libvirt gives a guest that state and reason, for instance `shut off (shutdown)`. */
export async function waitForState(
  libvirtd: PrivateLibvirtd,
  name: string,
  state: string,
  limitMs = 60_000,
): Promise<void> {
  let last = "";
  const reached = async (): Promise<boolean> => {
    last = await domainState(libvirtd, name);
    return last === state;
  };
  try {
    await until(`${name} is ${state}`, reached, limitMs);
  } catch (error) {
    throw new Error(`${name} is "${last}" and not "${state}" after ${limitMs} ms`, { cause: error });
  }
}
