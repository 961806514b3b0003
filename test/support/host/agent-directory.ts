import { chmod, copyFile, mkdir } from "node:fs/promises";
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
    await copyFile(repositoryFile("ipc/entry-point"), file);
    await chmod(file, 0o755);
  }
}
