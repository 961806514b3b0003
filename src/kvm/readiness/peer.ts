import { CPU_COMPARE } from "../../libvirt/flags.ts";
import { type Check, type CheckRow, type RowMaker, rowsOf } from "../../readiness.ts";
import { spansAt } from "../xml-spans.ts";
import type { HostAccess, InspectedHost } from "./host-access.ts";
import { versionText } from "./libvirt.ts";

/** Another system of the cluster, and how it is reached. */
export interface Peer {
  readonly system: string;
  readonly uri: string;
  readonly access: HostAccess;
}

/** What two hosts are compared by. */
interface HostFacts {
  readonly uuid: string | undefined;
  readonly library: number;
  readonly emulator: number;
}

/** Can this host ask the peer's libvirtd, as it does before each start and in each migration, and do the versions fit? */
export function peerCheck(libvirt: HostAccess, { system, uri, access }: Peer, ownSystem: string): Check {
  const about = `peer ${system}`;
  const row = rowsOf("peer", about);
  return {
    name: "peer",
    about,
    async look(signal) {
      let there: HostFacts;
      try {
        there = await access.use(`asking ${system} at ${uri}`, signal, (host) => factsOf(host, signal));
      } catch (error) {
        const remedy = `try it by hand: virsh -c '${uri}' version; then correct peers.${system}.uri, certificates or keys, or the network`;
        return [row.problem(error instanceof Error ? error.message : String(error), remedy)];
      }
      const here = await libvirt.use("asking this host's libvirt", signal, (host) => factsOf(host, signal));
      return [compared(row, { system, uri, ownSystem }, here, there)];
    },
  };
}

function compared(
  row: RowMaker,
  { system, uri, ownSystem }: { readonly system: string; readonly uri: string; readonly ownSystem: string },
  here: HostFacts,
  there: HostFacts,
): CheckRow {
  if (here.uuid !== undefined && here.uuid === there.uuid)
    return row.problem(
      `${uri} leads to a host with this host's own UUID, ${here.uuid}: to this host itself, or to a clone of it`,
      `correct peers.${system}.uri; a clone needs a host_uuid of its own in /etc/libvirt/libvirtd.conf or virtqemud.conf`,
    );
  const versions = `libvirt ${versionText(there.library)}, QEMU ${versionText(there.emulator)}`;
  const wayBack = `the way back is checked there: kvmguestctl check --peer ${ownSystem}`;
  if (there.emulator >= here.emulator) return row.ok(`${uri} answers: ${versions}; ${wayBack}`);
  return row.warning(
    `${uri} answers: ${versions}, older than QEMU ${versionText(here.emulator)} here: a guest with a newer machine type cannot migrate there`,
    `update ${system}, or give guests a machine type that both know (virsh capabilities); ${wayBack}`,
  );
}

async function factsOf(host: InspectedHost, signal: AbortSignal): Promise<HostFacts> {
  const library = await host.getLibVersion({ signal });
  const emulator = await host.getVersion({ signal });
  const capabilities = await host.getCapabilities({ signal });
  return { library, emulator, uuid: textAt(capabilities, ["capabilities", "host", "uuid"]) };
}

/** Has the peer's CPU all that this host's has? Guests with the host's own CPU need it. */
export function peerCpuCheck(libvirt: HostAccess, { system, access }: Peer): Check {
  const about = `peer ${system}`;
  const row = rowsOf("peer CPU", about);
  return {
    name: "peer CPU",
    about,
    async look(signal) {
      const capabilities = await libvirt.use("reading this host's capabilities", signal, (host) =>
        host.getCapabilities({ signal }),
      );
      const cpu = elementAt(capabilities, ["capabilities", "host", "cpu"]);
      if (cpu === undefined) return [row.notChecked("libvirt does not tell this host's CPU")];
      let result: number;
      try {
        result = await access.use(`comparing CPUs with ${system}`, signal, (host) =>
          host.compareCpu(cpu, { signal }),
        );
      } catch (error) {
        return [row.notChecked(error instanceof Error ? error.message : String(error))];
      }
      if (result === CPU_COMPARE.IDENTICAL) return [row.ok("the same CPU as here")];
      if (result === CPU_COMPARE.SUPERSET) return [row.ok("has all that this host's CPU has, and more")];
      return [
        row.warning(
          "lacks what this host's CPU has: a guest with cpu mode host-passthrough or host-model cannot migrate there while it runs",
          "give such guests a CPU that both have: virsh hypervisor-cpu-baseline on the <cpu> of both hosts' capabilities",
        ),
      ];
    },
  };
}

/** The first element at a path, as it stands in the text. */
function elementAt(xml: string, path: readonly string[]): string | undefined {
  const span = spansAt(xml, path)[0];
  return span === undefined ? undefined : xml.slice(span.from, span.to);
}

function textAt(xml: string, path: readonly string[]): string | undefined {
  return elementAt(xml, path)
    ?.replace(/<[^>]*>/g, "")
    .trim();
}
