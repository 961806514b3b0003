import { readFile } from "node:fs/promises";
import { hostname, networkInterfaces } from "node:os";
import type { OwnIdentity } from "./own-host.ts";

/**
 * Where a host's hardware UUID is found; vdsm's own file comes first with vdsm too, because it is what RHEV-M was told.
 * Source: oVirt vdsm, host.uuid().
 */
const UUID_FILES = ["/etc/vdsm/vdsm.id", "/sys/class/dmi/id/product_uuid"];

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Placeholders of firmware that many machines share. */
const SHARED_UUIDS = /^(0{8}|f{8}|03000200-0400-0500-0006)/;

/**
 * Collects what this system knows of itself. A source that cannot be read is left out.
 *
 * @param uuidFiles for tests
 */
export async function readOwnIdentity(uuidFiles: readonly string[] = UUID_FILES): Promise<OwnIdentity> {
  const name = hostname().toLowerCase();
  const addresses = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith("fe80:"))
    .map(({ address }) => address.toLowerCase());
  const texts = await Promise.all(uuidFiles.map((file) => readFile(file, "utf8").catch(() => "")));
  const uuids = texts.map((text) => text.trim().toLowerCase());
  return {
    names: [...new Set([name, name.split(".")[0] ?? name])].filter((text) => text !== "localhost"),
    addresses,
    hardwareUuids: uuids.filter((uuid) => UUID.test(uuid) && !SHARED_UUIDS.test(uuid)),
  };
}
