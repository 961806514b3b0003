import { type Check, rowsOf } from "../../readiness.ts";
import { readSettingsFile } from "./settings-file.ts";

export interface LockParts {
  readonly qemuFile: string;
  readonly doubleStart: "warn" | "strict";
  readonly hasPeers: boolean;
}

/** What keeps a guest from running twice, beside the cluster itself? */
export function locksCheck({ qemuFile, doubleStart, hasPeers }: LockParts): Check {
  const row = rowsOf("locks", qemuFile);
  return {
    name: "locks",
    about: qemuFile,
    async look() {
      const manager = (await readSettingsFile(qemuFile)).get("lock_manager");
      const asks = hasPeers
        ? `each start asks the peers first (kvm.doubleStart: ${doubleStart})`
        : "no peer is asked before a start (peers is not set)";
      if (manager === "sanlock" || manager === "lockd")
        return [row.ok(`lock_manager is ${manager}: libvirt itself locks disks; ${asks}`)];
      const locks = "lock_manager is not set, so only QEMU's own locks on image files are there";
      if (hasPeers && doubleStart === "strict") return [row.ok(`${locks}; ${asks}`)];
      return [
        row.warning(
          `${locks}, which block devices and some network file systems do not have; ${asks}`,
          hasPeers
            ? "configure sanlock or virtlockd, or set kvm.doubleStart: strict; I/O fencing of the cluster is needed in any case"
            : "configure sanlock or virtlockd, or set peers; I/O fencing of the cluster is needed in any case",
        ),
      ];
    },
  };
}
