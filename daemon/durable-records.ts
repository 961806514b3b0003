import { mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../src/agent-error.ts";
import { syncFolder, TEMPORARY_SUFFIX, writeDurably } from "../src/durable-file.ts";
import type { Log } from "../src/log.ts";

/** Keeps records of one kind on disk, one small file each. */
export interface DurableRecords<T> {
  /** Reads all; a file that cannot be understood is set aside and logged, a folder that cannot be read holds none. */
  load(): Promise<readonly T[]>;
  save(name: string, record: T): Promise<void>;
  remove(name: string): Promise<void>;
}

/** What one kind of records is, and the words of the log for its failures. */
export interface RecordKind<T> {
  /** The folder's name below the state directory; it is made when it is missing. */
  readonly folder: string;
  /** Throws for a file that is not ours, or a version that we do not know. */
  readonly parse: (content: unknown) => T;
  readonly words: { readonly notKept: string; readonly unreadable: string; readonly notSetAside: string };
}

/** @param directory the daemon's state directory */
export function durableRecords<T extends object>(
  directory: string,
  kind: RecordKind<T>,
  log: Log,
): DurableRecords<T> {
  const folder = join(directory, kind.folder);
  const fileOf = (name: string) => join(folder, `${name}.json`);

  return {
    load: () =>
      inTurn(async () => {
        const records: T[] = [];
        for (const name of await namesIn(directory, folder, kind, log)) {
          if (name.endsWith(TEMPORARY_SUFFIX)) await removeLeftOver(join(folder, name), log);
          if (!name.endsWith(".json")) continue;
          const record = await loadOne(join(folder, name), kind, log);
          if (record !== undefined) records.push(record);
        }
        return records;
      }),
    save: (name, record) =>
      inTurn(async () => {
        await makeFolders(directory, folder);
        await writeDurably(fileOf(name), `${JSON.stringify({ version: 1, ...record }, null, 2)}\n`);
      }),
    remove: (name) =>
      inTurn(async () => {
        await rm(fileOf(name), { force: true });
        await syncFolder(folder);
      }),
  };
}

let last: Promise<unknown> = Promise.resolve();

/**
 * Runs work on records of all kinds one after another. Node has four threads for all files: where the disk hangs, work
 * side by side would take them all, and no emulator would be seen in /proc any more.
 */
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const done = last.then(work);
  last = done.catch(() => undefined); // its own caller is told
  return done;
}

/** Node says ENOENT where a recursive mkdir meets a read-only file system; the last step is made so that it does not. */
async function makeFolders(directory: string, folder: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
}

/** Guests can be kept without a disk; only what a restart would need is lost. */
async function namesIn<T>(
  directory: string,
  folder: string,
  { words }: RecordKind<T>,
  log: Log,
): Promise<readonly string[]> {
  try {
    await makeFolders(directory, folder);
    return await readdir(folder);
  } catch (error) {
    log.error({ folder, err: error }, words.notKept);
    return [];
  }
}

async function removeLeftOver(file: string, log: Log): Promise<void> {
  try {
    await rm(file, { force: true });
  } catch (error) {
    log.warn({ file, err: error }, "file that a crash left cannot be removed");
  }
}

async function loadOne<T>(file: string, { parse, words }: RecordKind<T>, log: Log): Promise<T | undefined> {
  try {
    return parse(JSON.parse(await readFile(file, "utf8")));
  } catch (error) {
    log.error({ file, reason: messageOf(error) }, words.unreadable);
    await rename(file, `${file}.unreadable`).catch((cause: unknown) => {
      log.error({ file, err: cause }, words.notSetAside);
    });
    return undefined;
  }
}
