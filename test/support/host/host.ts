import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EngineOptions, type EngineStandIn, startEngine } from "../engine/engine.ts";
import { ask } from "../ipc/http-client.ts";
import { type LibvirtdOptions, type PrivateLibvirtd, startLibvirtd } from "../lab/libvirtd.ts";
import { until } from "../lab/until.ts";
import { repositoryFile } from "../repository.ts";
import { makeAgentDirectory } from "./agent-directory.ts";
import { DaemonProcess, type LogLine, type StartOptions } from "./daemon-process.ts";

/** The name of the system that tests run as. */
export const SYSTEM = "node1";

/** Where a host stands. */
export interface HostPlace {
  readonly system: string;
  /** All systems of the cluster, this one too. */
  readonly systems: readonly string[];
  /** What precedes a program to run it on the host; nothing for this machine. */
  readonly command: () => readonly string[];
}

const ALONE: HostPlace = { system: SYSTEM, systems: [SYSTEM], command: () => [] };

/** A host as an administrator has it: libvirtd, the daemon, the shims, and the engine's stand-in. */
export class Host {
  readonly folder: string;
  readonly libvirtd: PrivateLibvirtd;
  readonly daemon: DaemonProcess;
  readonly agentDirectory: string;
  readonly socket: string;
  readonly configFile: string;
  readonly stateDirectory: string;
  readonly shimLog: string;
  readonly #place: HostPlace;
  #engine: EngineStandIn | undefined;

  constructor(
    folder: string,
    libvirtd: PrivateLibvirtd,
    onLine?: (line: LogLine) => void,
    place: HostPlace = ALONE,
  ) {
    this.folder = folder;
    this.libvirtd = libvirtd;
    this.#place = place;
    this.configFile = join(folder, "config.yaml");
    this.daemon = new DaemonProcess(this.configFile, onLine, place.command);
    this.agentDirectory = join(folder, "agent");
    this.socket = join(folder, "run/agent.sock");
    this.stateDirectory = join(folder, "state");
    this.shimLog = join(folder, "shim.log");
  }

  get engine(): EngineStandIn {
    if (this.#engine === undefined) throw new Error("no engine was started on this host");
    return this.#engine;
  }

  /** What the shims get from /etc/default/vcskvmguestd on a real host. */
  get shimEnvironment(): Readonly<Record<string, string>> {
    return {
      VCSKVMGUESTD_SOCKET: this.socket,
      VCSKVMGUESTD_LOG: this.shimLog,
      VCSKVMGUESTD_START: "true",
      VCSKVMGUESTD_DEFAULTS: "/dev/null",
      VCS_HOME: this.folder,
    };
  }

  /** Makes what a package would install: shims, folders, and the daemon's configuration with lines that a test adds. */
  async install(configuration: string): Promise<void> {
    await makeAgentDirectory(this.agentDirectory);
    await mkdir(join(this.folder, "run"), { mode: 0o700, recursive: true });
    await this.configure(configuration);
  }

  /** Writes the daemon's configuration: this host's paths, and lines that a test adds. */
  async configure(more = ""): Promise<void> {
    await writeFile(
      this.configFile,
      `socket: ${this.socket}
stateDirectory: ${this.stateDirectory}
log: { level: debug }
engine: { hares: ${this.folder}/engine/bin/hares, system: ${this.#place.system} }
libvirt:
  sockets: [${this.libvirtd.socket}]
  runDirectory: ${this.libvirtd.runDirectory}
${more}
`,
    );
  }

  /**
   * Starts the daemon and waits until it is connected to libvirt, which must be there: a daemon serves at once, and for two
   * seconds a monitor waits for that by itself.
   */
  async startDaemon(options: StartOptions = {}): Promise<void> {
    await this.daemon.start(options);
    await this.connected();
  }

  /** Waits until the daemon is connected to libvirt. */
  async connected(): Promise<void> {
    await until("the daemon is connected to libvirt", async () => {
      const health: unknown = JSON.parse((await ask(this.socket, "GET", "/healthz")).body);
      return isHealth(health) && health.libvirt === "connected";
    });
  }

  /**
   * Starts the engine's stand-in with resources of the shipped type.
   *
   * @param resources the body of the group in main.cf
   */
  async startEngine(resources: string, options: Partial<EngineOptions> = {}): Promise<EngineStandIn> {
    const { system, systems, command } = this.#place;
    const mainCf = join(this.folder, "main.cf");
    await writeFile(
      mainCf,
      `include "${repositoryFile("src/KVMGuestTypes.cf")}"
cluster c1 ( )
${systems.map((name) => `system ${name} ( )`).join("\n")}
group g1 ( SystemList = { ${systems.map((name, at) => `${name} = ${at}`).join(", ")} } )
${resources}
`,
    );
    this.#engine = await startEngine({
      mainCf,
      system,
      agentDirectory: this.agentDirectory,
      workDirectory: join(this.folder, "engine"),
      env: this.shimEnvironment,
      command,
      ...options,
    });
    return this.#engine;
  }

  /** Runs a shim as the framework does and returns its exit code. */
  shim(entryPoint: string, ...args: string[]): Promise<{ exitCode: number; output: string }> {
    return new Promise((resolve, reject) => {
      const env = { PATH: process.env["PATH"] ?? "", ...this.shimEnvironment };
      const script = join(this.agentDirectory, entryPoint);
      const [program = script, ...words] = [...this.#place.command(), script, ...args];
      execFile(program, words, { env, timeout: 120_000 }, (error, output) => {
        if (error === null) resolve({ exitCode: 0, output });
        else if (typeof error.code === "number") resolve({ exitCode: error.code, output });
        else reject(error);
      });
    });
  }

  /** Ends everything it started, in the order of a real shutdown. */
  async stop(): Promise<void> {
    await this.#engine?.stop();
    await this.daemon.stop();
    await this.libvirtd.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** A host with its libvirtd running and its daemon configured, but not started. */
export async function makeHost(
  configuration = "",
  onLine?: (line: LogLine) => void,
  libvirtdOptions: LibvirtdOptions = {},
): Promise<Host> {
  const libvirtd = await startLibvirtd(libvirtdOptions);
  const folder = await mkdtemp(join(tmpdir(), "vkh-"));
  const host = new Host(folder, libvirtd, onLine);
  await host.install(configuration);
  return host;
}

function isHealth(value: unknown): value is { readonly libvirt: unknown } {
  return typeof value === "object" && value !== null && "libvirt" in value;
}
