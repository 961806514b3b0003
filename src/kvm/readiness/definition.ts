import { dirname } from "node:path";
import { hasCode } from "../../agent-error.ts";
import { type Check, type CheckedResource, type CheckRow, rowsOf } from "../../readiness.ts";
import { type Definition, readDefinition } from "../definition.ts";
import type { SharedStorage } from "../shared-storage.ts";
import type { HostAccess } from "./host-access.ts";

/** Is the guest defined here, and is the file that defines it the guest's own? */
export function definitionCheck(
  libvirt: HostAccess,
  storage: SharedStorage,
  { resource, attributes }: CheckedResource,
): Check {
  const { guestName: guest, guestConfigFilePath: path } = attributes;
  const about = `guest ${guest}`;
  const row = rowsOf("definition", about);
  return {
    name: "definition",
    about,
    async look(signal) {
      const [defined, file] = await Promise.all([
        lookup(libvirt, guest, signal),
        path === undefined ? undefined : readFile(storage, path, guest, signal),
      ]);
      const rows: CheckRow[] = [];
      if (defined instanceof Error) rows.push(row.notChecked(defined.message));
      if (file instanceof Error)
        rows.push(
          row.failed(
            file,
            `correct the file, or GuestConfigFilePath: hares -modify ${resource} GuestConfigFilePath PATH`,
          ),
        );
      if (rows.length > 0 || defined instanceof Error || file instanceof Error) return rows;
      return [compared({ resource, guest, path, defined, file })];
    },
  };
}

interface Sights {
  readonly resource: string;
  readonly guest: string;
  readonly path: string | undefined;
  /** The UUID that libvirt has; undefined where the guest is not defined. */
  readonly defined: string | undefined;
  readonly file: Definition | undefined;
}

function compared({ resource, guest, path, defined, file }: Sights): CheckRow {
  const row = rowsOf("definition", `guest ${guest}`);
  if (file === undefined || path === undefined) {
    if (defined !== undefined) return row.ok(`defined here with UUID ${defined}`);
    return row.problem(
      "not defined on this host, and GuestConfigFilePath is not set: it cannot be started here",
      `virsh define FILE, or hares -modify ${resource} GuestConfigFilePath PATH`,
    );
  }
  if (file.uuid === undefined)
    return row.warning(
      `${path} holds no <uuid>: each host would make up one of its own, and take the guest of the others for another one`,
      defined === undefined ? "put <uuid> into the file" : `put <uuid>${defined}</uuid> into the file`,
    );
  if (defined === undefined)
    return row.ok(`${path} defines it at its first start here, with UUID ${file.uuid}`);
  if (file.uuid === defined) return row.ok(`defined here and in ${path} with UUID ${defined}`);
  return row.problem(
    `${path} holds UUID ${file.uuid}, but libvirt knows the guest as ${defined}: the file is not used`,
    "make them equal on all hosts: correct the file, or virsh undefine the wrong one while it does not run",
  );
}

async function lookup(
  libvirt: HostAccess,
  guest: string,
  signal: AbortSignal,
): Promise<string | undefined | Error> {
  try {
    const domain = await libvirt.use(`looking up guest ${guest}`, signal, (host) =>
      host.lookupByName(guest, { signal }),
    );
    return domain.uuid;
  } catch (error) {
    if (hasCode(error, "GUEST_NOT_FOUND")) return undefined;
    return asError(error);
  }
}

async function readFile(
  storage: SharedStorage,
  path: string,
  guest: string,
  signal: AbortSignal,
): Promise<Definition | Error> {
  try {
    return await storage.use(dirname(path), signal, () => readDefinition(path, guest, "followed"));
  } catch (error) {
    return asError(error);
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
