import { AgentError, hasCode, messageOf } from "../../agent-error.ts";
import { XML } from "../../libvirt/flags.ts";
import { type Check, type CheckedResource, type CheckRow, type RowMaker, rowsOf } from "../../readiness.ts";
import { diskSourcesOf } from "./disk-sources.ts";
import type { HostAccess, InspectedHost } from "./host-access.ts";
import { machineTypeOf, machineTypesIn } from "./machine-types.ts";
import type { Peer } from "./peer.ts";

/** Looking at a file of the peer's storage. */
const DISK_MS = 3000;

/** A guest as one host has it defined. */
interface Defined {
  readonly uuid: string;
  readonly xml: string;
}

/** Is the guest the same one on the peer, and are its disks there under the same paths? */
export function peerGuestCheck(
  libvirt: HostAccess,
  { system, access }: Peer,
  { resource, attributes }: CheckedResource,
): Check {
  const { guestName: guest } = attributes;
  const about = `guest ${guest} on peer ${system}`;
  const row = rowsOf("peer guest", about);
  return {
    name: "peer guest",
    about,
    async look(signal) {
      const here = await definedAt(libvirt, `looking up guest ${guest}`, guest, signal);
      try {
        const there = await definedAt(access, `looking up guest ${guest} on ${system}`, guest, signal);
        const unfit = await machineRows(row, { system, access }, here, signal);
        if (there === undefined) return [...unfit, undefinedRow(row, system, resource, attributes)];
        const different = await differences(row, system, here, there);
        const missing = await diskRows(row, { system, access }, there, signal);
        const rows = [...unfit, ...different, ...missing];
        return rows.length > 0
          ? rows
          : [row.ok("defined there with the same UUID and disks, which are there")];
      } catch (error) {
        return [row.notChecked(messageOf(error))];
      }
    },
  };
}

function undefinedRow(
  row: RowMaker,
  system: string,
  resource: string,
  { guestConfigFilePath }: CheckedResource["attributes"],
): CheckRow {
  const disks = `its disks there: run this check on ${system}`;
  if (guestConfigFilePath !== undefined)
    return row.ok(`not defined there, which GuestConfigFilePath mends; ${disks}`);
  return row.warning(
    "not defined there, and GuestConfigFilePath is not set: it can migrate there, and cannot be started there",
    `virsh define it on ${system}, or hares -modify ${resource} GuestConfigFilePath PATH; ${disks}`,
  );
}

/** A guest moves with its machine type: the emulator there has to know it. */
async function machineRows(
  row: RowMaker,
  { system, access }: Pick<Peer, "system" | "access">,
  here: Defined | undefined,
  signal: AbortSignal,
): Promise<readonly CheckRow[]> {
  const machine = here === undefined ? undefined : await machineTypeOf(here.xml);
  if (machine === undefined) return [];
  const capabilities = await access.use(`reading the capabilities of ${system}`, signal, (host) =>
    host.getCapabilities({ signal }),
  );
  const known = machineTypesIn(capabilities);
  if (known.size === 0 || known.has(machine)) return [];
  return [
    row.problem(
      `its machine type ${machine} is not known there: it can neither migrate there nor be started there`,
      `update QEMU on ${system}, or give the guest a type that both hosts list in virsh capabilities`,
    ),
  ];
}

async function differences(
  row: RowMaker,
  system: string,
  here: Defined | undefined,
  there: Defined,
): Promise<readonly CheckRow[]> {
  if (here === undefined) return [];
  if (here.uuid !== there.uuid)
    return [
      row.problem(
        `has the UUID ${there.uuid} there and ${here.uuid} here: two guests of one name, which cannot migrate to each other`,
        `find out which is right, undefine the other while it does not run, and define it from the right one's XML`,
      ),
    ];
  const [ours, theirs] = [await pathsOf(here), await pathsOf(there)];
  const other = ours.filter((path) => !theirs.includes(path));
  if (other.length === 0) return [];
  return [
    row.warning(
      `its definition there does not have these disks: ${other.join(", ")}`,
      `havmconfigsync gives ${system} the definition of the host where the guest runs`,
    ),
  ];
}

async function pathsOf({ xml }: Defined): Promise<readonly string[]> {
  const disks = await diskSourcesOf(xml, "definition");
  return disks.flatMap(({ path, isReadOnly }) => (path === undefined || isReadOnly ? [] : [path]));
}

/** Asked one after another: a call that waits for dead storage holds one of the peer's few workers. */
async function diskRows(
  row: RowMaker,
  { system, access }: Pick<Peer, "system" | "access">,
  { uuid, xml }: Defined,
  signal: AbortSignal,
): Promise<readonly CheckRow[]> {
  const rows: CheckRow[] = [];
  for (const { target, path } of await diskSourcesOf(xml, `definition on ${system}`)) {
    if (path === undefined) continue;
    try {
      await access.use(`looking at disk ${target} on ${system}`, signal, (host) =>
        host.getBlockInfo(uuid, target, { signal, timeoutMs: DISK_MS }),
      );
    } catch (error) {
      if (!(error instanceof AgentError) || hasCode(error, "CANCELLED")) throw error;
      const words = `disk ${target}, ${path}, cannot be used there: ${messageOf(error)}`;
      rows.push(row.problem(words, `mount its storage on ${system} under the same path`));
      if (hasCode(error, "TIMED_OUT")) break;
    }
  }
  return rows;
}

async function definedAt(
  access: HostAccess,
  doing: string,
  guest: string,
  signal: AbortSignal,
): Promise<Defined | undefined> {
  const read = async (host: InspectedHost) => {
    const { uuid } = await host.lookupByName(guest, { signal });
    return { uuid, xml: await host.getXml(uuid, XML.INACTIVE, { signal }) };
  };
  try {
    return await access.use(doing, signal, read);
  } catch (error) {
    if (hasCode(error, "GUEST_NOT_FOUND")) return undefined;
    throw error;
  }
}
