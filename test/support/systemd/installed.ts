import { copyFile, mkdir, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeAgentDirectory } from "../host/agent-directory.ts";
import { repositoryFile } from "../repository.ts";
import { type Bound, Machine, makeMachineFolder } from "./machine.ts";

export const SERVICE = "vcskvmguestd.service";
export const SOCKET = "vcskvmguestd.socket";

/** Where the package puts the program, and units. */
const HOME = "/opt/vcs-kvmguest";
const UNITS = "/usr/lib/systemd/system";
const AGENT_DIRECTORY = `${HOME}/bin/KVMGuest`;

/** A machine with this daemon, and libvirtd with guests. */
export class InstalledMachine extends Machine {
  /** Has units of /etc started at each boot. */
  async enable(...units: readonly string[]): Promise<void> {
    for (const unit of units) await wanted(this, `/etc/systemd/system/${unit}`, "multi-user.target");
  }

  /** Runs a shim as the engine does, and returns its exit code. */
  async shim(entryPoint: string, ...args: readonly string[]): Promise<number> {
    const shim = `${AGENT_DIRECTORY}/${entryPoint}`;
    const { stdout } = await this.exec(
      "sh",
      ["-c", '"$@" >/dev/null; echo $?', "sh", shim, ...args],
      120_000,
    );
    return Number(stdout);
  }

  /** What virsh says without headings and blank lines. @throws {Error} it failed */
  async virsh(...args: readonly string[]): Promise<string> {
    return (await this.exec("virsh", ["-q", "-c", "qemu:///system", ...args])).stdout.trim();
  }

  /** A guest's emulator as one word: its pid here, and when it was started. @throws {Error} there is none */
  async emulator(guest: string): Promise<string> {
    const pid = (await this.read(`/run/libvirt/qemu/${guest}.pid`)).trim();
    return `${pid} ${await this.#startOf(pid)}`;
  }

  /** Whether a process that emulator() named is still there. */
  async isAlive(emulator: string): Promise<boolean> {
    const [pid = "", start] = emulator.split(" ");
    return (await this.#startOf(pid).catch(() => undefined)) === start;
  }

  /** The user as whom a guest's emulator runs. */
  async owner(guest: string): Promise<string> {
    const [pid = ""] = (await this.emulator(guest)).split(" ");
    return (await this.exec("ps", ["-o", "user:32=", "-p", pid])).stdout;
  }

  /** Source: proc(5), /proc/pid/stat, field 22, counted after the name in parentheses. */
  async #startOf(pid: string): Promise<string> {
    const { stdout } = await this.exec("cat", [`/proc/${pid}/stat`]);
    const fields = stdout.slice(stdout.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z") throw new Error(`process ${pid} has ended`);
    return fields[19] ?? "";
  }
}

/** A machine that is off, with this daemon and its units as a package leaves them, both enabled. */
export async function makeInstalledMachine(
  configuration: string,
  bound: Bound = {},
): Promise<InstalledMachine> {
  const machine = new InstalledMachine(await makeMachineFolder(), {
    ...bound,
    [process.execPath]: `${HOME}/node/bin/node`,
    [repositoryFile("dist")]: `${HOME}/dist`,
    [repositoryFile("node_modules")]: `${HOME}/node_modules`,
    [repositoryFile("package.json")]: `${HOME}/package.json`,
  });
  await put(machine, "with-notify-socket", `${HOME}/systemd/with-notify-socket`);
  await put(machine, SERVICE, `${UNITS}/${SERVICE}`);
  await put(machine, SOCKET, `${UNITS}/${SOCKET}`);
  await put(machine, "vcskvmguestd.tmpfiles", "/usr/lib/tmpfiles.d/vcskvmguestd.conf");
  await makeAgentDirectory(join(machine.files, AGENT_DIRECTORY));
  await machine.write("/etc/vcskvmguestd/config.yaml", configuration);
  await wanted(machine, `${UNITS}/${SERVICE}`, "multi-user.target");
  await wanted(machine, `${UNITS}/${SOCKET}`, "sockets.target");
  return machine;
}

async function put(machine: Machine, from: string, to: string): Promise<void> {
  const file = join(machine.files, to);
  await mkdir(dirname(file), { recursive: true });
  await copyFile(repositoryFile("systemd", from), file);
}

/** As `systemctl enable` does. */
async function wanted(machine: Machine, unit: string, target: string): Promise<void> {
  const link = join(machine.files, `/etc/systemd/system/${target}.wants`, unit.replace(/^.*\//, ""));
  await mkdir(dirname(link), { recursive: true });
  await symlink(unit, link);
}
