import { startAttentive } from "../lab/boot-sector.ts";
import type { GuestFiles } from "../lab/guest-files.ts";
import type { GuestOptions } from "../lab/guest-xml.ts";
import type { Host } from "./host.ts";
import { type AttributeValues, MONITOR, Resource } from "./resource.ts";

/** How a guest of knownGuest() differs from a plain one. */
export interface KnownOptions {
  readonly guest?: Partial<GuestOptions>;
  /** Attributes of the resource beside GuestName. */
  readonly attributes?: AttributeValues;
}

/** A resource that the engine has opened, named as its guest. */
export async function openedResource(
  host: Host,
  name: string,
  attributes: AttributeValues = {},
): Promise<Resource> {
  const resource = new Resource(host, name, { GuestName: name, ...attributes });
  await resource.open();
  return resource;
}

/**
 * A running attentive guest that the engine knows as ONLINE.
 *
 * @param files from attentiveFiles()
 */
export async function knownGuest(
  host: Host,
  files: GuestFiles,
  name: string,
  { guest, attributes }: KnownOptions = {},
): Promise<Resource> {
  await startAttentive(host.libvirtd, name, files, guest);
  const resource = await openedResource(host, name, attributes);
  const code = await resource.monitor();
  if (code === MONITOR.online) return resource;
  throw new Error(`monitor of ${name} exits with ${code}: ${String(resource.lastMonitor?.["reason"])}`);
}
