import { setMaxListeners } from "node:events";
import { AgentError, messageOf } from "../agent-error.ts";
import { abortError, orAbort, withDeadline } from "../deadline.ts";
import { isNoDomain } from "../libvirt/errors.ts";
import { type DomainWords, domainWords } from "./domain-words.ts";
import { agentErrorOf } from "./errors.ts";
import type { DomainRef, Hypervisor } from "./hypervisor.ts";
import { sideByJob } from "./migration-side.ts";
import { SharedSession } from "./shared-session.ts";
import { isActive, type MigrationSide, needsMigrationSide } from "./state-table.ts";

/** A peer's word for a domain takes no longer than this. */
const PEERS_MS = 3000;

/** The side of a migration is asked for afterwards, on a connection of its own, whose login may be as slow as the first. */
const SIDE_MS = 3000;

/**
 * What one look at a peer's libvirtd says of one domain.
 *
 * - `active`: it holds an emulator there, running or not; `side` is set where the words alone leave open which way a
 *   migration goes, and undefined where the peer does not tell. Its `uuid` differs from the one that was asked for where
 *   only its name is the same
 * - `inactive`: defined there, without an emulator
 * - `not defined`: the peer answers and does not know it
 * - `unreadable`: nothing is proved; `reason` is for people
 */
export type PeerSight =
  | {
      readonly kind: "active";
      readonly words: DomainWords;
      readonly side: MigrationSide | undefined;
      readonly uuid: string;
    }
  | { readonly kind: "inactive"; readonly words: DomainWords }
  | { readonly kind: "not defined" }
  | { readonly kind: "unreadable"; readonly reason: string };

/** The domain that peers are read for. */
export interface SoughtDomain {
  readonly uuid: string;
  /** Where given, an active domain of this name counts too, whatever its UUID. */
  readonly name?: string;
}

/** Opens a peer's libvirtd; with `readOnly` it refuses changes. */
export type OpenPeer = (
  peer: { readonly uri: string; readonly readOnly: boolean },
  signal: AbortSignal,
) => Promise<Hypervisor>;

export interface PeersParts {
  /** URIs by the names of the systems, without this one; read anew at each use. */
  readonly uris: () => ReadonlyMap<string, string>;
  readonly open: OpenPeer;
}

/** The other systems' libvirtds, read for one domain at a time. No connection is kept for the next time. */
export class Peers {
  readonly #parts: PeersParts;
  readonly #shared = new Map<string, SharedSession>();

  constructor(parts: PeersParts) {
    this.#parts = parts;
  }

  /** The systems that can be read. */
  get systems(): readonly string[] {
    return [...this.#parts.uris().keys()];
  }

  /** How a system is reached; undefined where the configuration has no such peer. */
  uriOf(system: string): string | undefined {
    return this.#parts.uris().get(system);
  }

  /**
   * Opens a connection to a peer, for changes too; the caller closes it.
   *
   * @throws {AgentError} BAD_ATTRIBUTE when the configuration has no such peer; PLATFORM_DOWN, NOT_ALLOWED, TIMED_OUT,
   * CANCELLED, REFUSED or PROTOCOL when it cannot be opened
   */
  connect(system: string, signal: AbortSignal): Promise<Hypervisor> {
    return this.#open(system, false, signal);
  }

  /**
   * Reads one peer, for 3 s at most, and as long again where the side of a migration is asked for. What cannot be read is `unreadable`, no error.
   *
   * @throws {AgentError} the signal was aborted
   */
  async readPeer(system: string, sought: SoughtDomain, signal: AbortSignal): Promise<PeerSight> {
    const doing = `reading the libvirtd of ${system} at ${this.uriOf(system)}`;
    let sight: PeerSight;
    try {
      sight = await withDeadline(PEERS_MS, doing, [signal], (limit) =>
        orAbort(this.#read(system, sought, limit), limit),
      );
    } catch (error) {
      if (signal.aborted) throw abortError(signal);
      return { kind: "unreadable", reason: messageOf(error) };
    }
    if (sight.kind !== "active" || !needsMigrationSide(sight.words)) return sight;
    return { ...sight, side: await this.#side(system, sight.uuid, signal) };
  }

  /**
   * Reads all peers at once, by system.
   *
   * @throws {AgentError} the signal was aborted
   */
  async readPeers(sought: SoughtDomain, signal: AbortSignal): Promise<ReadonlyMap<string, PeerSight>> {
    // each look ends in time by itself; they share a signal that so many may listen to
    return withDeadline(PEERS_MS + 2 * SIDE_MS, "reading all peers", [signal], async (shared) => {
      setMaxListeners(0, shared);
      const looks = this.systems.map(
        async (system) => [system, await this.readPeer(system, sought, shared)] as const,
      );
      return new Map(await Promise.all(looks));
    });
  }

  /** Those who read a peer at the same time share a connection. */
  async #read(system: string, sought: SoughtDomain, signal: AbortSignal): Promise<PeerSight> {
    const key = `${system} ${this.uriOf(system)}`;
    const shared = this.#shared.get(key) ?? new SharedSession((ending) => this.#open(system, true, ending));
    this.#shared.set(key, shared);
    try {
      return await shared.use(signal, (session) => sightOf(session, sought, signal));
    } catch (error) {
      throw agentErrorOf(error, `reading the libvirtd of ${system}`);
    } finally {
      if (shared.isUnused && this.#shared.get(key) === shared) this.#shared.delete(key);
    }
  }

  /**
   * That the domain is active is known already: whatever keeps the side from being read does not change it. A job may
   * block the question, so it is asked on a connection of its own.
   */
  async #side(system: string, uuid: string, signal: AbortSignal): Promise<MigrationSide | undefined> {
    const ask = async (limit: AbortSignal) => {
      const session = await this.#open(system, true, limit);
      try {
        return await sideByJob(session, uuid, { signal: limit });
      } finally {
        void session.close();
      }
    };
    try {
      return await withDeadline(SIDE_MS, "job statistics", [signal], (limit) => orAbort(ask(limit), limit));
    } catch {
      if (signal.aborted) throw abortError(signal);
      return undefined;
    }
  }

  async #open(system: string, readOnly: boolean, signal: AbortSignal): Promise<Hypervisor> {
    const uri = this.uriOf(system);
    if (uri === undefined) {
      throw new AgentError("BAD_ATTRIBUTE", `system ${system} is not among the peers of the configuration`);
    }
    try {
      return await this.#parts.open({ uri, readOnly }, signal);
    } catch (error) {
      throw agentErrorOf(error, `connecting to the libvirtd of ${system}`);
    }
  }
}

async function sightOf(
  session: Hypervisor,
  { uuid, name }: SoughtDomain,
  signal: AbortSignal,
): Promise<PeerSight> {
  const own = await sightOfDomain(session, () => session.lookupByUuid(uuid, { signal }), signal);
  if (name === undefined || own.kind === "active" || own.kind === "unreadable") return own;
  const namesake = await sightOfDomain(session, () => session.lookupByName(name, { signal }), signal);
  return namesake.kind === "active" || namesake.kind === "unreadable" ? namesake : own;
}

async function sightOfDomain(
  session: Hypervisor,
  lookup: () => Promise<DomainRef>,
  signal: AbortSignal,
): Promise<PeerSight> {
  try {
    const { id, uuid } = await lookup();
    const code = await session.getState(uuid, { signal });
    const words = domainWords(code.state, code.reason);
    const active = isActive(words.state) ?? (id >= 0 ? true : undefined);
    if (active === undefined) return { kind: "unreadable", reason: `libvirt says ${words.text}` };
    if (!active) return { kind: "inactive", words };
    return { kind: "active", words, side: undefined, uuid };
  } catch (error) {
    if (isNoDomain(error)) return { kind: "not defined" };
    throw error;
  }
}
