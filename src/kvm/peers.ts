import { AgentError, messageOf } from "../agent-error.ts";
import { abortError, orAbort, withDeadline } from "../deadline.ts";
import { isNoDomain } from "../libvirt/errors.ts";
import { type DomainWords, domainWords } from "./domain-words.ts";
import { agentErrorOf } from "./errors.ts";
import type { Hypervisor } from "./hypervisor.ts";
import { sideByJob } from "./migration-side.ts";
import { isActive, type MigrationSide, needsMigrationSide } from "./state-table.ts";

/** All that peers are asked at a time takes no longer than this. */
const PEERS_MS = 3000;

/** Of which the side of a migration, which only adds to what is known, may take so much. */
const SIDE_MS = 1000;

/**
 * What one look at a peer's libvirtd says of one domain.
 *
 * - `active`: it holds an emulator there, running or not; `side` is set where the words alone leave open which way a
 *   migration goes, and undefined where the peer does not tell
 * - `inactive`: defined there, without an emulator
 * - `not defined`: the peer answers and does not know it
 * - `unreadable`: nothing is proved; `reason` is for people
 */
export type PeerSight =
  | { readonly kind: "active"; readonly words: DomainWords; readonly side: MigrationSide | undefined }
  | { readonly kind: "inactive"; readonly words: DomainWords }
  | { readonly kind: "not defined" }
  | { readonly kind: "unreadable"; readonly reason: string };

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

/** The other systems' libvirtds: read for one domain at a time, over connections that are closed after it. */
export class Peers {
  readonly #parts: PeersParts;

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
   * Reads one peer, for 3 s at most. What cannot be read is `unreadable`, no error.
   *
   * @throws {AgentError} the signal was aborted
   */
  async readPeer(system: string, uuid: string, signal: AbortSignal): Promise<PeerSight> {
    const doing = `reading the libvirtd of ${system} at ${this.#parts.uris().get(system)}`;
    try {
      return await withDeadline(PEERS_MS, doing, [signal], (limit) =>
        orAbort(this.#read(system, uuid, limit), limit),
      );
    } catch (error) {
      if (signal.aborted) throw abortError(signal);
      return { kind: "unreadable", reason: messageOf(error) };
    }
  }

  /**
   * Reads all peers at once, by system.
   *
   * @throws {AgentError} the signal was aborted
   */
  async readPeers(uuid: string, signal: AbortSignal): Promise<ReadonlyMap<string, PeerSight>> {
    const looks = this.systems.map(
      async (system) => [system, await this.readPeer(system, uuid, signal)] as const,
    );
    return new Map(await Promise.all(looks));
  }

  async #read(system: string, uuid: string, signal: AbortSignal): Promise<PeerSight> {
    const session = await this.#open(system, true, signal);
    try {
      return await sightOf(session, uuid, signal);
    } catch (error) {
      throw agentErrorOf(error, `reading the libvirtd of ${system}`);
    } finally {
      void session.close(); // its farewell may take a second, which nobody has to wait for
    }
  }

  async #open(system: string, readOnly: boolean, signal: AbortSignal): Promise<Hypervisor> {
    const uri = this.#parts.uris().get(system);
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

async function sightOf(session: Hypervisor, uuid: string, signal: AbortSignal): Promise<PeerSight> {
  try {
    const { id } = await session.lookupByUuid(uuid, { signal });
    const code = await session.getState(uuid, { signal });
    const words = domainWords(code.state, code.reason);
    const active = isActive(words.state) ?? (id >= 0 ? true : undefined);
    if (active === undefined) return { kind: "unreadable", reason: `libvirt says ${words.text}` };
    if (!active) return { kind: "inactive", words };
    return { kind: "active", words, side: await sideOf(session, uuid, words, signal) };
  } catch (error) {
    if (isNoDomain(error)) return { kind: "not defined" };
    throw error;
  }
}

/** That the domain is active is known already: whatever keeps the side from being read does not change it. */
async function sideOf(
  session: Hypervisor,
  uuid: string,
  words: DomainWords,
  signal: AbortSignal,
): Promise<MigrationSide | undefined> {
  if (!needsMigrationSide(words)) return undefined;
  try {
    return await sideByJob(session, uuid, { signal, timeoutMs: SIDE_MS });
  } catch {
    return undefined; // a job there blocks the question, or the connection broke
  }
}
