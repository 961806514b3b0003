import { rm } from "node:fs/promises";
import { repositoryFile } from "../repository.ts";
import { LabHost } from "./lab-host.ts";
import { LabNetwork, portOf } from "./lab-network.ts";
import { type LibvirtdOptions, makeShortFolder } from "./libvirtd-folder.ts";
import { type Namespace, openNamespace } from "./namespace.ts";

const HOLDER = repositoryFile("test/support/lab/holder.pl");
const ENTER = repositoryFile("test/support/lab/enter.pl");

/** How the hosts of a lab differ from plain ones. */
export interface LabOptions {
  /** Settings of a host's libvirtd. */
  readonly libvirtd?: (name: string) => LibvirtdOptions;
}

/** Some real hosts in a network of their own, on this machine. */
export class Lab {
  /** Everything of the lab is below here, and seen by all its hosts at this path; goes with stop(). */
  readonly folder: string;
  readonly hosts: readonly LabHost[];
  readonly #namespace: Namespace;

  constructor(folder: string, hosts: readonly LabHost[], namespace: Namespace) {
    this.folder = folder;
    this.hosts = hosts;
    this.#namespace = namespace;
  }

  /** The host of that name. @throws {Error} there is none */
  on(name: string): LabHost {
    const host = this.hosts.find((one) => one.name === name);
    if (host === undefined) throw new Error(`no host ${name} in this lab`);
    return host;
  }

  /** Ends all hosts with all that runs on them, and removes the folder. May be called at any time and again. */
  async stop(): Promise<void> {
    await Promise.all(this.hosts.map((host) => host.stop()));
    await this.#namespace.close();
  }
}

/**
 * Makes real hosts and starts their libvirtds (0.5 s for two on a quiet machine). Needs root.
 *
 * Each lab has its own switch, so labs never meet, and nothing changes in the machine's own network. When this process
 * ends, for whatever reason, all of it goes; a test still calls stop().
 *
 * @param names host names, short: sockets are below a folder of that name
 * @throws {Error} scripts/setup has not run, there is no right to make namespaces, or a libvirtd does not come up
 */
export async function makeLab(names: readonly string[], options: LabOptions = {}): Promise<Lab> {
  const folder = await makeShortFolder("vkl-");
  const namespace = await makeSwitch(folder);
  const pid = await namespace.outsidePid(1);
  const network = new LabNetwork(pid);
  await network.open();
  const ports = names.map((_, at) => portOf(at + 1));
  const ground = {
    folder,
    network,
    command: ["perl", ENTER, String(pid)] as const,
    names: ["127.0.0.1 localhost", ...names.map((name, at) => `${ports[at]?.address} ${name}`)],
  };
  const hosts = names.map((name, at) => new LabHost(name, portOf(at + 1), ground));
  const lab = new Lab(folder, hosts, namespace);
  try {
    await Promise.all(hosts.map((host) => host.install(options.libvirtd?.(host.name) ?? {})));
  } catch (error) {
    await lab.stop();
    throw error;
  }
  return lab;
}

/**
 * The namespaces that hold a whole lab: its network is the switch, and the kernel ends every process of the lab when the
 * first of its pid namespace ends.
 */
async function makeSwitch(folder: string): Promise<Namespace> {
  const unshare = ["--net", "--mount", "--pid", "--propagation", "private"];
  const alone = ["--fork", "--kill-child=KILL", "--mount-proc"];
  try {
    return await openNamespace("unshare", ...unshare, ...alone, "perl", HOLDER, folder, "remove");
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}
