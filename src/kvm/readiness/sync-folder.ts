import { access, constants, stat } from "node:fs/promises";
import { AgentError, messageOf } from "../../agent-error.ts";
import { type Check, type CheckedResource, type CheckRow, rowsOf } from "../../readiness.ts";
import type { SharedStorage } from "../shared-storage.ts";
import { type FileSystemKind, fileSystemOf } from "./file-system.ts";

/** A look into a folder takes milliseconds; storage that needs longer hangs. */
const LOOK_MS = 5000;

/** Can copies of the guest's definition be kept in SyncDir, where other hosts find them? None where it is not set. */
export function syncFolderChecks(
  storage: SharedStorage,
  { resource, attributes }: CheckedResource,
  kindOf: (path: string) => Promise<FileSystemKind> = fileSystemOf,
): readonly Check[] {
  const { guestName: guest, syncDir } = attributes;
  if (syncDir === undefined) return [];
  const about = `guest ${guest}`;
  const row = rowsOf("sync folder", about);
  return [
    {
      name: "sync folder",
      about,
      limitMs: LOOK_MS,
      async look(signal) {
        try {
          return [await storage.use(syncDir, signal, () => lookInto(resource, about, syncDir, kindOf))];
        } catch (error) {
          if (error instanceof AgentError) return [row.notChecked(messageOf(error))];
          return [
            row.problem(
              `SyncDir ${syncDir} cannot be used: ${messageOf(error)}`,
              "mount it, make it writable for root (NFS: no_root_squash), or correct the attribute",
            ),
          ];
        }
      },
    },
  ];
}

async function lookInto(
  resource: string,
  about: string,
  path: string,
  kindOf: (path: string) => Promise<FileSystemKind>,
): Promise<CheckRow> {
  const row = rowsOf("sync folder", about);
  const found = await stat(path);
  if (!found.isDirectory())
    return row.problem(`SyncDir ${path} is no directory`, `hares -modify ${resource} SyncDir PATH`);
  await access(path, constants.W_OK);
  const { name, sharing } = await kindOf(path);
  if (sharing === "shared") return row.ok(`${path} is there, writable, and shared (${name})`);
  if (sharing === "unclear")
    return row.ok(`${path} is there and writable; whether ${name} there is shared cannot be told from here`);
  return row.warning(
    `SyncDir ${path} is on a local file system (${name}): other hosts do not see the copies, unless the same disk is mounted there`,
    "put it on storage that all systems of the cluster mount",
  );
}
