import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EngineOptions, type EngineStandIn, startEngine } from "../engine/engine.ts";
import { type LibvirtdOptions, type PrivateLibvirtd, startLibvirtd } from "../lab/libvirtd.ts";
import { repositoryFile } from "../repository.ts";
import { makeAgentDirectory } from "./agent-directory.ts";
import { DaemonProcess, type LogLine } from "./daemon-process.ts";

/** The name of the system that tests run as. */
export const SYSTEM = "node1";

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
  #engine: EngineStandIn | undefined;

  constructor(folder: string, libvirtd: PrivateLibvirtd, onLine?: (line: LogLine) => void) {
    this.folder = folder;
    this.libvirtd = libvirtd;
    this.configFile = join(folder, "config.yaml");
    this.daemon = new DaemonProcess(this.configFile, onLine);
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

  /** Writes the daemon's configuration: this host's paths, and lines that a test adds. */
  async configure(more = ""): Promise<void> {
    await writeFile(
      this.configFile,
      `socket: ${this.socket}
stateDirectory: ${this.stateDirectory}
log: { level: debug }
engine: { hares: ${this.folder}/engine/bin/hares, system: ${SYSTEM} }
libvirt:
  sockets: [${this.libvirtd.socket}]
  runDirectory: ${this.libvirtd.runDirectory}
${more}
`,
    );
  }

  /**
   * Starts the engine's stand-in with resources of the shipped type.
   *
   * @param resources the body of the group in main.cf
   */
  async startEngine(resources: string, options: Partial<EngineOptions> = {}): Promise<EngineStandIn> {
    const mainCf = join(this.folder, "main.cf");
    await writeFile(
      mainCf,
      `include "${repositoryFile("src/KVMGuestTypes.cf")}"
cluster c1 ( )
system ${SYSTEM} ( )
group g1 ( SystemList = { ${SYSTEM} = 0 } )
${resources}
`,
    );
    this.#engine = await startEngine({
      mainCf,
      system: SYSTEM,
      agentDirectory: this.agentDirectory,
      workDirectory: join(this.folder, "engine"),
      env: this.shimEnvironment,
      ...options,
    });
    return this.#engine;
  }

  /** Runs a shim as the framework does and returns its exit code. */
  shim(entryPoint: string, ...args: string[]): Promise<{ exitCode: number; output: string }> {
    return new Promise((resolve, reject) => {
      const env = { PATH: process.env["PATH"] ?? "", ...this.shimEnvironment };
      execFile(join(this.agentDirectory, entryPoint), args, { env, timeout: 120_000 }, (error, output) => {
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
  await makeAgentDirectory(host.agentDirectory);
  await mkdir(join(folder, "run"), { mode: 0o700 });
  await host.configure(configuration);
  return host;
}
