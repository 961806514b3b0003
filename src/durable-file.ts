import { randomUUID } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/** Ends the names of files that were being written when the process ended. */
export const TEMPORARY_SUFFIX = ".tmp";

/**
 * Writes a file so that a crash at any moment leaves the old content or the new, never a part: a temporary name,
 * synced, renamed, and the folder synced. Others cannot read it.
 */
export async function writeDurably(path: string, text: string): Promise<void> {
  const temporary = await writeAside(path, text);
  try {
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

/**
 * Writes what shall become a file, synced, under a name of its own beside it; nothing is left of one that fails.
 *
 * @returns the name: the file's own, a random part, and TEMPORARY_SUFFIX
 */
export async function writeAside(path: string, content: string | Uint8Array): Promise<string> {
  const temporary = `${path}.${randomUUID()}${TEMPORARY_SUFFIX}`;
  try {
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    return temporary;
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Makes the names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
