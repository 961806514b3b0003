import { AgentError, messageOf } from "../agent-error.ts";
import type { OwedHost, Restored } from "../dev-scan.ts";
import type { Log } from "../log.ts";
import { printable } from "../tuples.ts";
import type { RhevHost } from "./host-document.ts";
import type { RhevmActions } from "./rhevm-actions.ts";
import type { RhevmReads } from "./rhevm-reads.ts";

/** What it needs of an engine of RHEV-M. */
interface RestoringManager {
  readonly reads: Pick<RhevmReads, "hosts">;
  readonly actions: Pick<RhevmActions, "activateHost">;
}

/** A host in one of these is kept from its work on purpose. Source: ovirt-engine, HostStatus. */
const IN_MAINTENANCE = ["maintenance", "preparing_for_maintenance"];

/** What to do with one owed host. */
type HostStep = "activate" | "look again" | "nothing is owed";

/**
 * One attempt to activate hosts that a scan sent to maintenance. A host that is out of maintenance is looked at twice: the
 * request that sent it there may have got no answer, and come through late.
 *
 * @throws {AgentError} the hosts cannot be read
 */
export async function restoreHosts(
  { reads, actions }: RestoringManager,
  owed: readonly OwedHost[],
  log: Log,
  signal: AbortSignal,
): Promise<Restored> {
  if (owed.length === 0) return { owed, refusals: [] };
  const hosts = await reads.hosts(signal);
  const still: OwedHost[] = [];
  const refusals: string[] = [];
  for (const one of owed) {
    const host = hosts.find(({ id }) => id === one.id);
    const step = stepFor(one, host);
    if (step === "nothing is owed") continue;
    still.push({ ...one, isOut: step === "look again" });
    if (step !== "activate") continue;
    try {
      await actions.activateHost(one.id, signal);
      log.warn({ audit: "DevScan", host: printable(one.name) }, "host was activated again after a scan");
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      refusals.push(`host ${printable(one.name)} is not activated: ${messageOf(error)}`);
    }
  }
  return { owed: still, refusals };
}

/** A host that RHEV-M does not have any more cannot be activated. */
function stepFor({ isOut }: OwedHost, host: RhevHost | undefined): HostStep {
  if (host === undefined) return "nothing is owed";
  if (IN_MAINTENANCE.includes(host.status ?? "")) return "activate";
  return isOut ? "nothing is owed" : "look again";
}
