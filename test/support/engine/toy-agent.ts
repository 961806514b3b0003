import { chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { repositoryFile } from "../repository.ts";

const ENTRY_POINTS = [
  "open",
  "close",
  "online",
  "offline",
  "monitor",
  "clean",
  "attr_changed",
  "migrate",
  "shutdown",
];

/** Every entry point keeps its argv, then does what the test wrote for it. A file named `up` is the guest. */
const SCRIPT = `#!/bin/sh
toy=TOY
name=\${0##*/}
{ [ $# -eq 0 ] || printf '%s\\0' "$@"; } >"$toy/argv-$name.new" && mv "$toy/argv-$name.new" "$toy/argv-$name"
. "$toy/do-$name"
`;

const DEFAULTS: Readonly<Record<string, string>> = {
  monitor: '[ -e "$toy/up" ] && exit 110; exit 100',
  online: ': >"$toy/up"; exit 0',
  offline: 'rm -f "$toy/up"; exit 0',
  clean: 'rm -f "$toy/up"; exit 0',
};

/** An agent of shell scripts for one imaginary guest, for tests of the stand-in itself. */
export class ToyAgent {
  /** A folder of its own; holds the configuration and the work folder of the stand-in too. */
  readonly home: string;

  constructor(home: string) {
    this.home = home;
  }

  get directory(): string {
    return join(this.home, "agent");
  }

  /** Writes what an entry point does, as shell text; `$toy` is `home`. */
  async does(name: string, text: string): Promise<void> {
    const file = join(this.home, `do-${name}`);
    await writeFile(`${file}.new`, `${text}\n`);
    await rename(`${file}.new`, file);
  }

  /** Adds an action. */
  async hasAction(token: string, text: string): Promise<void> {
    await this.does(token, text);
    await this.#script(join("actions", token));
  }

  /** The arguments of the last call. */
  async argv(name: string): Promise<string[]> {
    return (await readFile(join(this.home, `argv-${name}`), "utf8")).split("\0").slice(0, -1);
  }

  /** Starts the guest behind the engine's back, or kills it. */
  async guest(state: "up" | "down"): Promise<void> {
    const file = join(this.home, "up");
    await (state === "up" ? writeFile(file, "") : rm(file, { force: true }));
  }

  /** Writes main.cf with the type KVMGuest included; returns its path. */
  async mainCf(text: string): Promise<string> {
    const types = repositoryFile("src/KVMGuestTypes.cf");
    const file = join(this.home, "main.cf");
    await writeFile(file, `include "${types}"\n${text}`);
    return file;
  }

  async remove(): Promise<void> {
    await rm(this.home, { recursive: true, force: true });
  }

  async create(): Promise<void> {
    await mkdir(join(this.directory, "actions"), { recursive: true });
    for (const name of ENTRY_POINTS) {
      await this.does(name, DEFAULTS[name] ?? "exit 0");
      await this.#script(name);
    }
  }

  async #script(path: string): Promise<void> {
    const file = join(this.directory, path);
    await writeFile(file, SCRIPT.replace("TOY", this.home));
    await chmod(file, 0o755);
  }
}

/** A new toy agent under the folder for temporary files. */
export async function createToyAgent(): Promise<ToyAgent> {
  const agent = new ToyAgent(await mkdtemp(join(tmpdir(), "toy-")));
  await agent.create();
  return agent;
}
