import { writeFile } from "node:fs/promises";
import { type Host, SYSTEM } from "../host/host.ts";

/** What a test changes in the daemon's configuration. */
export interface Configuration {
  /** libvirt's sockets in the order of trying; default: the host's own. */
  readonly sockets?: readonly string[];
  /** Further keys of `libvirt`, as lines of YAML: `openTimeoutS: 1`. */
  readonly libvirt?: readonly string[];
  readonly logLevel?: string;
  /** The command `hares`; default: the engine stand-in's. */
  readonly hares?: string;
  readonly haresTimeoutS?: number;
  readonly stateDirectory?: string;
  /** Further lines at the top. */
  readonly more?: readonly string[];
}

/** Writes the daemon's configuration with other values than Host.configure has. */
export function configure(host: Host, changes: Configuration = {}): Promise<void> {
  const {
    sockets = [host.libvirtd.socket],
    libvirt = [],
    logLevel = "debug",
    hares = `${host.folder}/engine/bin/hares`,
    haresTimeoutS = 10,
    stateDirectory = host.stateDirectory,
    more = [],
  } = changes;
  const lines = [
    `socket: ${host.socket}`,
    `stateDirectory: ${stateDirectory}`,
    `log: { level: ${logLevel} }`,
    `engine: { hares: ${hares}, system: ${SYSTEM}, timeoutS: ${haresTimeoutS} }`,
    "libvirt:",
    `  sockets: [${sockets.join(", ")}]`,
    `  runDirectory: ${host.libvirtd.runDirectory}`,
    ...libvirt.map((line) => `  ${line}`),
    ...more,
  ];
  return writeFile(host.configFile, `${lines.join("\n")}\n`);
}
