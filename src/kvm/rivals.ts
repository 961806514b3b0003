import type { Finding } from "../platform.ts";
import { EmulatorScan } from "./emulator-scan.ts";
import type { DomainRef } from "./hypervisor.ts";
import type { Lane } from "./lane.ts";
import { findLibvirtGuests, type LibvirtGuestsPlaces, SYSTEM_LIBVIRT_GUESTS } from "./libvirt-guests.ts";
import { findScopes, SYSTEM_SCOPE_FOLDERS } from "./machine-scope.ts";

/** Waiting for a session. */
const PATIENCE_MS = 5000;

/** Where others that start, stop or block guests leave their traces. */
export interface RivalPlaces extends LibvirtGuestsPlaces {
  /** Folders with an entry for each scope of systemd. */
  readonly scopeFolders: readonly string[];
}

/** As Linux distributions have them. */
export const SYSTEM_PLACES: RivalPlaces = { ...SYSTEM_LIBVIRT_GUESTS, scopeFolders: SYSTEM_SCOPE_FOLDERS };

/** What is known of a guest before its rivals are looked for. */
export interface RivalFacts {
  readonly guest: string;
  /** undefined: libvirt does not say */
  readonly autostart: boolean | undefined;
  /** Whether an emulator of the guest exists, undefined when that is not known; asked only where it matters. */
  readonly lives: () => Promise<boolean | undefined>;
}

/**
 * Finds what would start or stop a guest behind the cluster's back, or keep it from starting: libvirt's autostart, the
 * service libvirt-guests, a scope of systemd that is left of an earlier run. Changes nothing.
 */
export async function findRivals(facts: RivalFacts, places: RivalPlaces): Promise<readonly Finding[]> {
  const [service, scopes] = await Promise.all([findLibvirtGuests(places), findLeftOvers(facts, places)]);
  return [...autostartOf(facts), ...service, ...scopes].map((text) => ({ level: "warn", text }));
}

/** Looks for the rivals of guests of one libvirtd. */
export class Rivals {
  readonly #lane: Lane;
  readonly #places: RivalPlaces;
  readonly #scan = new EmulatorScan();

  constructor(lane: Lane, places: RivalPlaces) {
    this.#lane = lane;
    this.#places = places;
  }

  /** What libvirt does not tell is left out: that it does not answer is found elsewhere. */
  async find(guest: string, signal: AbortSignal): Promise<readonly Finding[]> {
    const known = await this.#known(guest, signal).catch(() => undefined);
    const lives = async () => {
      if (known === undefined) return undefined;
      return known.domain.id >= 0 || (await this.#scan.find({ uuid: known.domain.uuid })).length > 0;
    };
    return findRivals({ guest, autostart: known?.autostart, lives }, this.#places);
  }

  #known(guest: string, signal: AbortSignal): Promise<{ domain: DomainRef; autostart: boolean }> {
    return this.#lane.use(PATIENCE_MS, signal, async (session) => {
      const domain = await session.lookupByName(guest, { signal });
      return { domain, autostart: await session.getAutostart(domain.uuid, { signal }) };
    });
  }
}

function autostartOf({ guest, autostart }: RivalFacts): readonly string[] {
  if (autostart !== true) return [];
  return [
    `autostart of guest ${guest} is set, so libvirt boots it with the host, wherever else it runs: virsh autostart --disable ${guest}`,
  ];
}

/** A scope is the guest's own while its emulator lives. */
async function findLeftOvers(
  { guest, lives }: RivalFacts,
  { scopeFolders }: RivalPlaces,
): Promise<readonly string[]> {
  const scopes = await findScopes(guest, scopeFolders);
  if (scopes.length === 0 || (await lives()) !== false) return [];
  return scopes.map(
    (scope) =>
      `scope ${scope} of systemd is left of an earlier run of guest ${guest}, and libvirt may refuse its start ("already exists"): systemctl stop '${scope}'`,
  );
}
