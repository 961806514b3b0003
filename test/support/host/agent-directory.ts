import { chmod, copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's folder, from the sources and from the compiled files alike. */
export const REPOSITORY = repository();

const ENTRY_POINTS = [
  "open",
  "close",
  "online",
  "offline",
  "monitor",
  "clean",
  "attr_changed",
  "shutdown",
  "migrate",
  "actions/guestmigrated",
  "actions/vmconfigsync",
  "actions/DevScan",
];

/** Installs the shim under all its names, as an AgentDirectory of the engine. */
export async function makeAgentDirectory(directory: string): Promise<void> {
  await mkdir(join(directory, "actions"), { recursive: true });
  for (const name of ENTRY_POINTS) {
    const file = join(directory, name);
    await copyFile(join(REPOSITORY, "ipc/entry-point"), file);
    await chmod(file, 0o755);
  }
}

function repository(): string {
  const here = fileURLToPath(new URL(".", import.meta.url));
  const top = here.slice(0, here.lastIndexOf("/test/support/host/"));
  return top.endsWith("/dist") ? top.slice(0, -"/dist".length) : top;
}
