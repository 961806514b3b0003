import { statfs } from "node:fs/promises";

/** Whether other hosts can see the same file system, as far as its kind tells. */
export interface FileSystemKind {
  readonly name: string;
  readonly sharing: "shared" | "local" | "unclear";
}

/**
 * Kinds of file systems by the number that the kernel gives them. VxFS is both, and behind FUSE may be anything.
 * Source: statfs(2); linux/magic.h; GPFS, Lustre and VxFS by their own headers.
 */
const KINDS: ReadonlyMap<number, FileSystemKind> = new Map([
  [0x6969, shared("NFS")],
  [0xff534d42, shared("CIFS")],
  [0xfe534d42, shared("SMB2")],
  [0x00c36400, shared("CephFS")],
  [0x01161970, shared("GFS2")],
  [0x7461636f, shared("OCFS2")],
  [0x47504653, shared("GPFS")],
  [0x0bd00bd0, shared("Lustre")],
  [0x01021997, shared("9p")],
  [0xef53, local("ext4")],
  [0x58465342, local("XFS")],
  [0x9123683e, local("Btrfs")],
  [0x01021994, local("tmpfs")],
  [0x2fc12fc1, local("ZFS")],
  [0x794c7630, local("overlayfs")],
  [0xa501fcf5, { name: "VxFS", sharing: "unclear" }],
  [0x65735546, { name: "FUSE", sharing: "unclear" }],
]);

/** The kind of the file system that holds a path. Hangs where the file system hangs. */
export async function fileSystemOf(path: string): Promise<FileSystemKind> {
  const { type } = await statfs(path);
  return KINDS.get(type) ?? { name: `file system of type 0x${type.toString(16)}`, sharing: "unclear" };
}

function shared(name: string): FileSystemKind {
  return { name, sharing: "shared" };
}

function local(name: string): FileSystemKind {
  return { name, sharing: "local" };
}
