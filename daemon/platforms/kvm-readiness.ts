import { SYSTEM_CERTIFICATES } from "../../src/kvm/readiness/certificates.ts";
import { kvmChecks } from "../../src/kvm/readiness/checks.ts";
import { HostAccess } from "../../src/kvm/readiness/host-access.ts";
import { SYSTEM_PLACES } from "../../src/kvm/rivals.ts";
import { inspectionOpener, socketsFor } from "../../src/kvm/session.ts";
import type { Log } from "../../src/log.ts";
import type { Check, CheckedResource } from "../../src/readiness.ts";
import type { Config } from "../config-schema.ts";
import { peerUris, systemName } from "../settings.ts";
import { patienceOf } from "./kvm.ts";

/** Checks of one environment, and what ends the connections that they share. */
export interface EnvironmentChecks {
  readonly checks: readonly Check[];
  close(): Promise<void>;
}

/**
 * The checks of plain KVM, as configured.
 *
 * @param resources those of plain KVM
 * @param peers names of the peers that are looked at; undefined: all
 */
export function kvmReadiness(
  config: Config,
  resources: readonly CheckedResource[],
  peers: readonly string[] | undefined,
  log: Log,
): EnvironmentChecks {
  const { libvirt, migration, kvm } = config;
  const patience = patienceOf(config);
  const own = new HostAccess(
    inspectionOpener({ uri: libvirt.uri, sockets: libvirt.sockets, ...patience }, log),
  );
  const others = [...peerUris(config)]
    .filter(([system]) => peers?.includes(system) ?? true)
    .map(([system, uri]) => ({
      system,
      uri,
      access: new HostAccess(inspectionOpener({ uri, ...patience }, log)),
    }));
  const checks = kvmChecks({
    uri: libvirt.uri,
    sockets: socketsFor(libvirt),
    libvirt: own,
    peers: others,
    resources,
    ownSystem: systemName(config),
    migrateUri: migration.migrateUri,
    encrypts: migration.encrypt,
    doubleStart: kvm.doubleStart,
    rivals: SYSTEM_PLACES,
    certificates: SYSTEM_CERTIFICATES,
  });
  return {
    checks,
    close: async () => {
      await Promise.all([own, ...others.map(({ access }) => access)].map((access) => access.close()));
    },
  };
}
