import { AgentError } from "../src/agent-error.ts";
import { environmentOf } from "../src/attributes.ts";
import type { DevScanReply } from "./dev-scans.ts";
import type { Call, OperationParts } from "./operations.ts";

/**
 * The action DevScan: starts a scan, or tells how the one that was started goes or went. It is for the cluster, not for the
 * guest, so it takes no turn among the guest's operations.
 *
 * @throws {AgentError} REFUSED for a guest of plain KVM, BAD_ATTRIBUTE
 */
export async function runDevScan(
  { devScans }: Pick<OperationParts, "devScans">,
  { record, attributes, args }: Pick<Call, "record" | "attributes"> & { readonly args: readonly string[] },
  signal: AbortSignal,
): Promise<DevScanReply> {
  if (environmentOf(attributes) !== "rhev") {
    throw new AgentError(
      "REFUSED",
      "action DevScan applies to guests of RHEV-M only (RHEVMInfo.Enabled = 1): this one is plain KVM",
    );
  }
  return devScans.ask({ resource: record.registration.resource, attributes, args }, signal);
}
