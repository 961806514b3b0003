import { execFile } from "node:child_process";
import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PrivateLibvirtd } from "../lab/libvirtd.ts";
import { run } from "../lab/run.ts";
import { until } from "../lab/until.ts";

/** Holds starts of one guest inside libvirtd, at the moment before its emulator runs. */
export interface HeldStarts {
  /** Resolves when a start is held. */
  reached(): Promise<void>;
  /** Lets the held start go on, and the following ones too. */
  release(): Promise<void>;
}

/**
 * Makes libvirtd stop in the middle of the next start of a guest, by its own hook script; libvirtd reads which hooks
 * there are when it starts, so it is started again.
 */
export async function holdStarts(libvirtd: PrivateLibvirtd, guest: string): Promise<HeldStarts> {
  const folder = join(libvirtd.folder, "hold");
  const pipe = join(folder, "go");
  const held = join(folder, "held");
  const hooks = join(libvirtd.configDirectory, "hooks");
  await mkdir(folder, { recursive: true });
  await mkdir(hooks, { recursive: true });
  await run("mkfifo", [pipe]);
  const script = join(hooks, "qemu");
  await writeFile(
    script,
    `#!/bin/sh
if [ "$1/$2/$3" = "${guest}/prepare/begin" ] && [ -p "${pipe}" ]; then
  : >"${held}"
  read go <"${pipe}"
fi
exit 0
`,
  );
  await chmod(script, 0o755);
  await libvirtd.restart();
  return {
    async reached() {
      await until("libvirtd holds the start", async () => (await exists(held)) || undefined);
    },
    async release() {
      await writeGo(pipe);
      await rm(pipe, { force: true });
      await rm(held, { force: true });
    },
  };
}

/** A child writes: the open of a pipe that nobody reads would never end. */
function writeGo(pipe: string): Promise<void> {
  return new Promise((resolve) => {
    execFile("timeout", ["5", "sh", "-c", `echo go >"$0"`, pipe], () => resolve());
  });
}

async function exists(path: string): Promise<boolean> {
  return (await run("sh", ["-c", `[ ! -e "$0" ] || echo yes`, path])).stdout === "yes";
}
