import { environmentOf } from "../../src/attributes.ts";
import type { Log } from "../../src/log.ts";
import { CHECK_NAMES, type Check, type CheckedResource, type CheckRow, rowsOf } from "../../src/readiness.ts";
import type { Config } from "../config-schema.ts";
import { clusterOf } from "../config-sync/cluster.ts";
import { kvmReadiness } from "../platforms/kvm-readiness.ts";
import { rhevReadiness } from "../platforms/rhev-readiness.ts";
import { haresOptions, peerUris, systemName } from "../settings.ts";
import type { CheckRequest } from "./check-request.ts";
import { clockCheck } from "./clock.ts";
import { checkedConfiguration } from "./configuration.ts";
import { daemonCheck, socketCheck, stateDirectoryCheck } from "./daemon-checks.ts";
import { engineCheck, shimCheck, typeCheck } from "./engine-checks.ts";
import { knownResources } from "./resources.ts";
import { runChecks } from "./run-checks.ts";
import { timeoutsCheck, typeTimeouts } from "./timeouts.ts";
import { shutdownTimeCheck, unitOrderCheck } from "./units.ts";

/** Where Linux distributions have what is asked. The shim looks for nothing elsewhere (ipc/entry-point). */
const CLIENTS = {
  perl: "/usr/bin/perl",
  curl: ["/usr/bin/curl", "/bin/curl", "/usr/sbin/curl", "/sbin/curl"],
} as const;
const SYSTEMD = { systemctl: "systemctl", marker: "/run/systemd/system" } as const;

/** A request, and where connections log: what they say is in the rows. */
type LoggedRequest = CheckRequest & { readonly log: Log };

/** Looks at everything that this host needs to keep guests, and changes nothing. @returns rows in the order of CHECK_NAMES */
export async function checkHost(request: LoggedRequest, signal: AbortSignal): Promise<readonly CheckRow[]> {
  const { config, rows } = checkedConfiguration(request.configFile);
  if (config === undefined) {
    const why = "nothing else is checked before the configuration can be used";
    return [...rows, rowsOf("daemon", "this host").notChecked(why)];
  }
  const { peer } = request;
  if (peer !== undefined && !peerUris(config).has(peer)) {
    const remedy = "name one of them, or add it to peers in the configuration";
    const peers = [...peerUris(config).keys()];
    const known = peers.length === 0 ? "it has none" : peers.join(", ");
    return [
      ...rows,
      rowsOf("peer", `peer ${peer}`).problem(`is none of the configuration's peers: ${known}`, remedy),
    ];
  }
  const hares = haresOptions(config);
  const sources = {
    stateDirectory: config.stateDirectory,
    cluster: clusterOf(hares.command, hares.timeoutMs),
    ownSystem: systemName(config),
  };
  const known = await knownResources(sources, request.resources, signal);
  const found = await runAll(request, config, known.resources, signal);
  return inOrder([...rows, ...known.rows, ...found]);
}

async function runAll(
  { socket, peer, log }: LoggedRequest,
  config: Config,
  resources: readonly CheckedResource[],
  signal: AbortSignal,
): Promise<readonly CheckRow[]> {
  const of = (environment: "kvm" | "rhev") =>
    resources.filter(({ attributes }) => environmentOf(attributes) === environment);
  const peers = peer === undefined ? undefined : [peer];
  const isRhevHost = resources.length > 0 && of("kvm").length === 0;
  const environments = [
    ...(isRhevHost ? [] : [kvmReadiness(config, of("kvm"), peers, log)]),
    rhevReadiness(config, of("rhev"), log),
  ];
  const checks = [
    ...hostChecks(config, socket ?? config.socket, resources, !isRhevHost),
    ...(isRhevHost ? [libvirtOfVdsm()] : []),
    ...environments.flatMap((environment) => environment.checks),
  ];
  try {
    return await runChecks(checks, signal);
  } finally {
    await Promise.all(environments.map((environment) => environment.close()));
  }
}

/** What is checked of the host itself, whichever environment keeps its guests. */
function hostChecks(
  config: Config,
  socket: string,
  resources: readonly CheckedResource[],
  needsLibvirt: boolean,
): readonly Check[] {
  const hares = haresOptions(config);
  return [
    daemonCheck(socket, needsLibvirt),
    socketCheck(socket),
    stateDirectoryCheck(config.stateDirectory),
    shimCheck(CLIENTS),
    engineCheck(hares, [...peerUris(config).keys()]),
    typeCheck(hares),
    timeoutsCheck(hares, resources),
    unitOrderCheck(SYSTEMD),
    shutdownTimeCheck(SYSTEMD, resources, (signal) => typeTimeouts(hares, signal)),
    clockCheck("timedatectl"),
  ];
}

/** On a host of RHEV-M libvirt is vdsm's, which lets nobody else in. */
function libvirtOfVdsm(): Check {
  const row = rowsOf("libvirt", "this host");
  const why = "all resources of this system are guests of RHEV-M, so libvirt is not this agent's";
  return { name: "libvirt", about: "this host", look: () => Promise.resolve([row.notChecked(why)]) };
}

function inOrder(rows: readonly CheckRow[]): readonly CheckRow[] {
  return CHECK_NAMES.flatMap((name) => rows.filter(({ check }) => check === name));
}
