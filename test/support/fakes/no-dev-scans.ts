import type { OperationParts } from "../../../daemon/operations.ts";

/** For hosts without RHEV-M. */
export const NO_DEV_SCANS: OperationParts["devScans"] = {
  ask: () => Promise.reject(new Error("no test of this host scans")),
};
