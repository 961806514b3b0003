import { spawn } from "node:child_process";
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeAgentDirectory } from "../host/agent-directory.ts";
import { repositoryFile } from "../repository.ts";

const COMMANDS = ["hasys", "haclus", "haconf", "hatype", "haagent", "hares", "hagrp"];

const STATES = `web1_vm State node1 ONLINE
web1_vm State node2 OFFLINE
web2_vm State node1 OFFLINE
web2_vm State node2 ONLINE
`;

/** What a run of the program said, and its exit code. */
export interface Said {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A live cluster of two systems and two guests that another agent keeps, as the engine's commands show it, and our package. */
export class VcsCluster {
  /** VCS_HOME. */
  readonly folder: string;
  readonly #installed: string;

  /** Use makeVcsCluster(). */
  constructor(folder: string) {
    this.folder = join(folder, "VRTSvcs");
    this.#installed = join(folder, "vcs-kvmguest/bin");
  }

  /** Where our entry points are. */
  get agentDirectory(): string {
    return join(this.#installed, "KVMGuest");
  }

  /** Runs the program by a shell, as `sh` or `busybox sh`. */
  installVcs(shell: string, ...args: string[]): Promise<Said> {
    const [program = "", ...words] = shell.split(" ");
    const script = join(this.#installed, "vcskvmguestd-install-vcs");
    const env = {
      VCS_HOME: this.folder,
      VCSKVMGUESTD_STATE_DIRECTORY: join(this.folder, "kept"),
      VCSKVMGUESTD_INSTALL_PAUSE: "0",
      VCSKVMGUESTD_ALIVE: "true",
    };
    return runIn(env, program, [...words, script, ...args]);
  }

  /** An attribute of the type, or ReadOnly. */
  value(name: string): Promise<string> {
    return this.read(`values/${name}`);
  }

  /** The folder that a system's agent was started with, or "stopped". */
  agent(system: string): Promise<string> {
    return this.read(`agents/${system}`);
  }

  /** Groups that are frozen now. */
  async frozen(): Promise<readonly string[]> {
    return (await readdir(join(this.folder, "frozen"))).toSorted();
  }

  /** Calls so far that change something. */
  async changes(): Promise<readonly string[]> {
    const lines = (await this.read("calls")).split("\n");
    return lines.filter((line) => / -(modify|makerw|dump|stop|start|freeze|unfreeze) ?/.test(line));
  }

  /** Makes calls that begin like this fail: all, or with `once ` before it the next one. */
  async fail(...faults: string[]): Promise<void> {
    await this.write("faults", faults.map((fault) => `${fault}\n`).join(""));
  }

  /** A file of the cluster, by its path, without the last newline. */
  async read(path: string): Promise<string> {
    return (await readFile(join(this.folder, path), "utf8")).replace(/\n$/, "");
  }

  async write(path: string, text: string): Promise<void> {
    await writeFile(join(this.folder, path), text);
  }

  /** Puts a program into the engine's folder. */
  async addProgram(name: string): Promise<void> {
    await writeFile(join(this.folder, "bin", name), "#!/bin/sh\n", { mode: 0o755 });
  }

  async remove(name: string): Promise<void> {
    await rm(join(this.folder, "bin", name));
  }

  /** Lays out what the package installs. */
  async install(): Promise<void> {
    await makeAgentDirectory(this.agentDirectory);
    await copyFile(repositoryFile("packaging/host/install-vcs"), join(this.#installed, "install-vcs"));
    await chmod(join(this.#installed, "install-vcs"), 0o755);
    await symlink("install-vcs", join(this.#installed, "vcskvmguestd-install-vcs"));
    for (const name of ["bin", "values", "agents", "frozen"]) {
      await mkdir(join(this.folder, name), { recursive: true });
    }
    for (const name of COMMANDS) {
      await symlink(repositoryFile("test/support/vcs-commands/ha"), join(this.folder, "bin", name));
    }
    await this.addProgram("ScriptAgent");
    await this.addProgram("Script50Agent");
    await this.addProgram("Script51Agent");
    await this.write("values/AgentDirectory", "\n");
    await this.write("values/AgentFile", "/opt/VRTSvcs/bin/KVMGuest/KVMGuestAgent\n");
    await this.write("values/ReadOnly", "1\n");
    await this.write("systems", "node1 RUNNING\nnode2 RUNNING\nnode3 EXITED\n");
    await this.write("list", "web1_vm node1\nweb1_vm node2\nweb2_vm node1\nweb2_vm node2\n");
    await this.write("groups", "web1_vm web1_grp\nweb2_vm web2_grp\n");
    await this.write("states", STATES);
    await this.write("agents/node1", "vendor\n");
    await this.write("agents/node2", "vendor\n");
    await this.write("calls", "");
    await this.fail();
  }
}

/** Such a cluster in a folder of its own; remove() takes it away. */
export async function makeVcsCluster(): Promise<{ cluster: VcsCluster; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "vkv-"));
  const cluster = new VcsCluster(folder);
  await cluster.install();
  return { cluster, remove: () => rm(folder, { recursive: true, force: true }) };
}

function runIn(
  env: Readonly<Record<string, string>>,
  program: string,
  args: readonly string[],
): Promise<Said> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...env } });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (text: Buffer) => (stdout += text.toString()));
    child.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
    child.on("error", reject);
    child.on("close", (exitCode) => resolve({ exitCode: exitCode ?? -1, stdout, stderr }));
  });
}
