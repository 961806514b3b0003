import { childOf, parseXml, type XmlElement } from "../../xml.ts";

/** Where a disk of a domain is. `path` is set for files, folders and block devices of the host. */
export interface DiskSource {
  /** As the guest's bus has it: `vda`. */
  readonly target: string;
  readonly kind: "file" | "block" | "elsewhere";
  readonly path: string | undefined;
  readonly isReadOnly: boolean;
}

/**
 * The disks of a domain definition that have a source; empty drives have none.
 *
 * @throws {AgentError} PROTOCOL when it is no definition
 */
export async function diskSourcesOf(xml: string, source: string): Promise<readonly DiskSource[]> {
  const root = await parseXml(xml, source);
  const disks = childOf(root, "devices")?.children.filter(({ name }) => name === "disk") ?? [];
  return disks.flatMap((disk) => {
    const found = sourceOf(disk);
    return found === undefined ? [] : [found];
  });
}

function sourceOf(disk: XmlElement): DiskSource | undefined {
  const source = childOf(disk, "source");
  if (source === undefined) return undefined;
  const target = childOf(disk, "target")?.attributes["dev"] ?? "?";
  const isReadOnly = childOf(disk, "readonly") !== undefined || disk.attributes["device"] === "cdrom";
  const { file, dev, dir } = source.attributes;
  if (dev !== undefined) return { target, kind: "block", path: dev, isReadOnly };
  const path = file ?? dir;
  if (path !== undefined) return { target, kind: "file", path, isReadOnly };
  return { target, kind: "elsewhere", path: undefined, isReadOnly };
}
