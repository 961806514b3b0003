import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import { run } from "./run.ts";
import { until } from "./until.ts";

/** What the shell on the other side finds, besides those that are to be found or not: what libvirt's relay uses. */
const TOOLS = ["sh", "grep", "which"] as const;

/** A program that may join ssh to libvirtd's socket. */
export type Relay = "virt-ssh-helper" | "nc" | "socat";

/**
 * A real sshd of a test's own, with its own keys and configuration, in a mount namespace of its own: what
 * is below /run there is only its own, and, of a private libvirtd, /run/libvirt.
 */
export class Sshd {
  readonly port: number;
  /** Private key that is let in as root. */
  readonly key: string;
  /** A private key that is not. */
  readonly strangeKey: string;
  /** Known hosts that hold this sshd's key; and some that hold another one for the same place. */
  readonly knownHosts: string;
  readonly wrongHosts: string;
  readonly #folder: string;
  readonly #process: ChildProcess;
  readonly #gone: Promise<void>;

  /** Use startSshd(). */
  constructor(folder: string, port: number, process: ChildProcess) {
    const file = (name: string) => join(folder, name);
    this.port = port;
    [this.key, this.strangeKey] = [file("user"), file("stranger")];
    [this.knownHosts, this.wrongHosts] = [file("known_hosts"), file("wrong_hosts")];
    this.#folder = folder;
    this.#process = process;
    this.#gone = new Promise((resolve) => {
      process.once("close", () => resolve());
    });
  }

  /** Ends it and all that it serves, and removes its folder. */
  async stop(): Promise<void> {
    this.#process.kill("SIGKILL"); // unshare, which takes its pid namespace along
    await this.#gone;
    await rm(this.#folder, { recursive: true });
  }
}

/** How an sshd differs from one on this machine's 127.0.0.1. */
export interface SshdOptions {
  /** The programs that a user finds there. */
  readonly relays: readonly Relay[];
  /** What it sees as /run/libvirt. */
  readonly libvirtRun?: string;
  /** The host of a lab that it runs on. */
  readonly host?: { readonly address: string; readonly command: readonly string[] };
}

/** Starts an sshd and waits until it listens. Needs root. @throws {Error} it does not come up */
export async function startSshd({ relays, libvirtRun = "", host }: SshdOptions): Promise<Sshd> {
  const folder = await mkdtemp(join(tmpdir(), "vks-"));
  const [address, port] = [host?.address ?? "127.0.0.1", await freePort()];
  await makeKeys(folder, address, port);
  const tools = join(folder, "bin");
  await mkdir(tools);
  for (const name of [...TOOLS, ...relays]) await symlink(await pathOf(name), join(tools, name));
  await writeFile(join(folder, "sshd_config"), config(folder, address, port, tools));
  const command = [...(host?.command ?? []), ...NAMESPACE, "sh", "-c", START, "sshd", folder, libvirtRun];
  const [program = "", ...args] = command;
  const server = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
  const sshd = new Sshd(folder, port, server);
  let said = "";
  server.stderr.on("data", (text: Buffer) => {
    said = (said + text.toString()).slice(-4000);
  });
  const listens = () => said.includes("Server listening on") || server.exitCode !== null;
  try {
    await until(`sshd listens at port ${port}`, listens);
    if (server.exitCode !== null) throw new Error(`sshd does not start: ${said}`);
  } catch (error) {
    await sshd.stop();
    throw error;
  }
  return sshd;
}

/** It ends with this process, and takes along all that is in its pid namespace. */
const NAMESPACE =
  "setpriv --pdeathsig KILL unshare --mount --propagation private --pid --fork --kill-child=KILL".split(" ");

/** sshd wants /run/sshd, which only its service makes, and to be called by its full path. */
const START = `
mount -t tmpfs tmpfs /run && mkdir /run/sshd && chmod 755 /run/sshd
if [ -n "$2" ]; then mkdir /run/libvirt && mount --bind "$2" /run/libvirt; fi
exec /usr/sbin/sshd -D -e -f "$1/sshd_config"
`;

function config(folder: string, address: string, port: number, tools: string): string {
  return [
    `Port ${port}`,
    `ListenAddress ${address}`,
    `HostKey ${folder}/host`,
    `AuthorizedKeysFile ${folder}/user.pub`,
    "PidFile none",
    "StrictModes no",
    "UsePAM no",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "PermitRootLogin prohibit-password",
    `SetEnv PATH=${tools}`,
    "",
  ].join("\n");
}

async function makeKeys(folder: string, address: string, port: number): Promise<void> {
  for (const name of ["host", "other-host", "user", "stranger"]) {
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", join(folder, name)]);
  }
  for (const [key, file] of [
    ["host.pub", "known_hosts"],
    ["other-host.pub", "wrong_hosts"],
  ] as const) {
    await writeFile(join(folder, file), `[${address}]:${port} ${await readFile(join(folder, key), "utf8")}`);
  }
}

async function pathOf(program: string): Promise<string> {
  return (await run("sh", ["-c", `command -v ${program}`])).stdout;
}
