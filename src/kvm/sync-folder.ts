import { constants } from "node:fs";
import { type FileHandle, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AgentError, messageOf } from "../agent-error.ts";
import { throwIfAborted } from "../deadline.ts";
import { syncFolder, TEMPORARY_SUFFIX, writeAside } from "../durable-file.ts";
import { XML_LIMIT_BYTES } from "../xml.ts";

/** What a crash left is removed after this: the file that another host writes now is younger. */
const LEFT_OVER_MS = 3_600_000;

/** The random part of writeAside, of a copy or of an earlier version. */
const ASIDE = /^(\d+\.)?[0-9a-f-]{36}$/;

/** What an operator can do about a file system's refusal. */
const ADVICE: Readonly<Record<string, string>> = {
  ENOENT: "SyncDir does not exist on this host: mount it, or correct the attribute",
  ENOTDIR: "SyncDir is no directory: correct the attribute",
  ELOOP: "the copy is a symbolic link, which could lead out of SyncDir: remove it",
  ENOSPC: "make room in SyncDir",
  EDQUOT: "make room in SyncDir",
  EROFS: "SyncDir is mounted read-only",
  EACCES: "let root write in SyncDir (NFS: no_root_squash)",
  EPERM: "let root write in SyncDir (NFS: no_root_squash)",
};

/** Whether a copy had to be written. */
export type CopyResult = "written" | "unchanged";

/** The copy of a guest's definition in SyncDir. Guests' names hold no slash and begin with no dot. */
export function copyPath(syncDir: string, guest: string): string {
  return join(syncDir, `${guest}.xml`);
}

/**
 * Brings the copy of a definition up to date; nothing is written when it is that already.
 *
 * A crash at any moment leaves the old copy or the new one. Earlier copies stay as GUEST.xml.1, the youngest, and so
 * on. The folder is not made: below the mount point of a file system that is not mounted nobody would find the copy.
 *
 * @param versions how many earlier copies are kept
 * @param signal aborted: nothing gets its name any more
 * @throws {AgentError} REFUSED with the path, what failed, and what to do
 */
export async function writeCopy(
  syncDir: string,
  guest: string,
  text: string,
  versions: number,
  signal: AbortSignal,
): Promise<CopyResult> {
  const path = copyPath(syncDir, guest);
  try {
    const content = Buffer.from(text);
    const old = await readOld(path);
    const isSame = old?.equals(content) === true;
    if (!isSame) await replace(path, content, versions === 0 ? undefined : old, versions, signal);
    await tidy(syncDir, guest, versions, signal);
    return isSame ? "unchanged" : "written";
  } catch (error) {
    throwIfAborted(signal);
    if (error instanceof AgentError) throw error;
    const advice = ADVICE[errnoOf(error)];
    const words = `${path}: ${messageOf(error)}${advice === undefined ? "" : `; ${advice}`}`;
    throw new AgentError("REFUSED", words, { cause: error });
  }
}

/** The content of the copy there is, kept from others' eyes; undefined: there is none, or it is no definition. */
async function readOld(path: string): Promise<Buffer | undefined> {
  let file: FileHandle;
  try {
    // without O_NONBLOCK the open of a pipe would wait for a writer
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
  try {
    const found = await file.stat();
    if (!found.isFile()) throw new AgentError("REFUSED", `${path}: is no regular file: remove it`);
    if ((found.mode & 0o077) !== 0) await file.chmod(0o600);
    return found.size > XML_LIMIT_BYTES ? undefined : await file.readFile();
  } finally {
    await file.close();
  }
}

/** Both files are written before any name changes: what fails for want of room leaves all as it was. */
async function replace(
  path: string,
  content: Uint8Array,
  old: Uint8Array | undefined,
  versions: number,
  signal: AbortSignal,
): Promise<void> {
  const aside: string[] = [];
  try {
    const next = await writeAside(path, content);
    aside.push(next);
    if (old !== undefined) {
      const earlier = await writeAside(`${path}.1`, old);
      aside.push(earlier);
      throwIfAborted(signal);
      for (let version = versions; version > 1; version--)
        await renameIfThere(`${path}.${version - 1}`, `${path}.${version}`);
      await rename(earlier, `${path}.1`);
    }
    throwIfAborted(signal);
    await rename(next, path);
    await syncFolder(dirname(path));
  } catch (error) {
    for (const file of aside) await rm(file, { force: true });
    throw error;
  }
}

async function renameIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
}

/** Removes what crashes left of this guest's copies, and versions beyond the number that is kept. */
async function tidy(syncDir: string, guest: string, versions: number, signal: AbortSignal): Promise<void> {
  try {
    for (const name of await readdir(syncDir)) {
      if (!name.startsWith(`${guest}.xml.`)) continue;
      const rest = name.slice(`${guest}.xml.`.length);
      const isTooOld = /^\d{1,4}$/.test(rest) && Number(rest) > versions;
      if (!isTooOld && !(await isLeftOver(join(syncDir, name), rest))) continue;
      throwIfAborted(signal);
      await rm(join(syncDir, name), { force: true });
    }
  } catch {
    // the copy itself is in place; the next one tries again
  }
}

async function isLeftOver(path: string, rest: string): Promise<boolean> {
  const isAside = rest.endsWith(TEMPORARY_SUFFIX) && ASIDE.test(rest.slice(0, -TEMPORARY_SUFFIX.length));
  if (!isAside) return false;
  const { mtimeMs } = await stat(path);
  return Date.now() - mtimeMs > LEFT_OVER_MS;
}

function errnoOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
