import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { AgentError, hasCode, messageOf } from "../../agent-error.ts";
import { XML } from "../../libvirt/flags.ts";
import { type Check, type CheckedResource, type CheckRow, type RowMaker, rowsOf } from "../../readiness.ts";
import { readDefinition } from "../definition.ts";
import type { SharedStorage } from "../shared-storage.ts";
import { type DiskSource, diskSourcesOf } from "./disk-sources.ts";
import { type FileSystemKind, fileSystemOf } from "./file-system.ts";
import type { HostAccess } from "./host-access.ts";

export interface DiskParts {
  readonly libvirt: HostAccess;
  readonly storage: SharedStorage;
  /** Whether guests are migrated live: then a disk has to be there on two hosts at once. */
  readonly hasPeers: boolean;
  readonly kindOf?: (path: string) => Promise<FileSystemKind>;
}

/** What a look at one disk says. */
type DiskSight =
  | { readonly kind: "there"; readonly fileSystem: FileSystemKind | undefined }
  | { readonly kind: "missing" }
  | { readonly kind: "unseen"; readonly why: string };

/** Are the guest's disks here, and can other hosts see them too? */
export function disksCheck(parts: DiskParts, { attributes }: CheckedResource): Check {
  const { guestName: guest, guestConfigFilePath } = attributes;
  const about = `guest ${guest}`;
  const row = rowsOf("disks", about);
  return {
    name: "disks",
    about,
    async look(signal) {
      const xml = await definitionOf(parts, guest, guestConfigFilePath, signal);
      if (xml === undefined)
        return [row.notChecked("the guest is not defined here, and no file tells its disks")];
      const disks = await diskSourcesOf(xml, `definition of guest ${guest}`);
      const rows: CheckRow[] = [];
      for (const disk of disks) {
        const found = rowOf(row, disk, await sightOf(parts, disk, signal), parts.hasPeers);
        if (found !== undefined) rows.push(found);
      }
      if (rows.length > 0) return rows;
      const count = disks.length === 1 ? "its disk is there" : `its ${disks.length} disks are there`;
      return [row.ok(`${count}; nothing says that other hosts cannot see them`)];
    },
  };
}

async function definitionOf(
  { libvirt, storage }: DiskParts,
  guest: string,
  path: string | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    return await libvirt.use(`reading the definition of guest ${guest}`, signal, async (host) => {
      const { uuid } = await host.lookupByName(guest, { signal });
      return host.getXml(uuid, XML.INACTIVE, { signal });
    });
  } catch (error) {
    if (!hasCode(error, "GUEST_NOT_FOUND")) throw error;
    if (path === undefined) return undefined;
    const definition = await storage.use(dirname(path), signal, () => readDefinition(path, guest));
    return definition.xml;
  }
}

async function sightOf(
  { storage, kindOf = fileSystemOf }: DiskParts,
  { path, kind }: DiskSource,
  signal: AbortSignal,
): Promise<DiskSight> {
  if (path === undefined) return { kind: "there", fileSystem: undefined };
  try {
    return await storage.use(dirname(path), signal, async () => {
      await stat(path);
      return { kind: "there", fileSystem: kind === "file" ? await kindOf(path) : undefined } as const;
    });
  } catch (error) {
    // the storage hangs; else the file system itself says no
    return error instanceof AgentError ? { kind: "unseen", why: messageOf(error) } : { kind: "missing" };
  }
}

/** Undefined where there is nothing to say. */
function rowOf(
  row: RowMaker,
  { target, path, isReadOnly }: DiskSource,
  sight: DiskSight,
  hasPeers: boolean,
): CheckRow | undefined {
  const disk = `disk ${target}, ${path ?? "on the network"}`;
  if (sight.kind === "unseen") return row.notChecked(`${disk}: ${sight.why}`);
  if (sight.kind === "missing")
    return hasPeers
      ? row.problem(
          `${disk}, is not there: the guest can neither be started here nor migrated to here`,
          "mount its storage here, under the same path as on the other hosts",
        )
      : row.warning(
          `${disk}, is not there now: all is well if the guest's group mounts it first`,
          "else mount its storage here, under the same path as on the other hosts",
        );
  if (sight.fileSystem?.sharing !== "local") return undefined;
  const what = isReadOnly
    ? "a file that every host must have"
    : "other hosts see it only where the same disk is mounted";
  return row.warning(
    `${disk}, is on a local file system (${sight.fileSystem.name}): ${what}`,
    hasPeers
      ? "a live migration needs it on both hosts at once: put it on shared storage"
      : "put it on shared storage, or have the guest's group mount it",
  );
}
