import { AgentError } from "../agent-error.ts";
import type { Log } from "../log.ts";
import { agentErrorOf } from "./errors.ts";
import type { Lane } from "./lane.ts";
import type { PeerSight, Peers } from "./peers.ts";
import type { KvmSettings } from "./settings.ts";

/** Waiting for a session. */
const PATIENCE_MS = 5000;

export interface ElsewhereParts {
  readonly lane: Lane;
  readonly peers: Peers;
  readonly settings: () => KvmSettings;
  readonly log: Log;
}

/** Keeps a guest from being started here while it is active on another system. */
export class Elsewhere {
  readonly #parts: ElsewhereParts;
  /** Systems whose last look failed: of an outage, only its start and its end are logged. */
  readonly #unreadable = new Set<string>();

  constructor(parts: ElsewhereParts) {
    this.#parts = parts;
  }

  /** See Platform.refuseIfElsewhere. */
  async refuse(guest: string, signal: AbortSignal): Promise<void> {
    const { peers, settings } = this.#parts;
    if (peers.systems.length === 0) return;
    const known = { uuid: await this.#uuidOf(guest, signal), name: guest };
    const sights = await peers.readPeers(known, signal);
    for (const [system, sight] of sights) this.#note(system, sight);
    const reason = refusalOf(known, sights, settings().doubleStart);
    if (reason !== undefined) throw new AgentError("REFUSED", reason);
  }

  async #uuidOf(guest: string, signal: AbortSignal): Promise<string> {
    try {
      const domain = await this.#parts.lane.use(PATIENCE_MS, signal, (session) =>
        session.lookupByName(guest, { signal }),
      );
      return domain.uuid;
    } catch (error) {
      throw agentErrorOf(error, `looking up guest ${guest}`);
    }
  }

  #note(system: string, sight: PeerSight): void {
    const { log } = this.#parts;
    if (sight.kind !== "unreadable") {
      if (this.#unreadable.delete(system)) log.info({ system }, "peer can be read again");
      return;
    }
    if (this.#unreadable.has(system)) return;
    this.#unreadable.add(system);
    log.warn({ system, reason: sight.reason }, "peer cannot be read, a guest that runs there is not seen");
  }
}

/** Why a guest must not be started here; undefined when nothing speaks against it. */
function refusalOf(
  { name: guest, uuid }: { readonly name: string; readonly uuid: string },
  sights: ReadonlyMap<string, PeerSight>,
  doubleStart: KvmSettings["doubleStart"],
): string | undefined {
  const all = [...sights];
  const active = all.flatMap(([system, sight]) => {
    if (sight.kind !== "active") return [];
    const namesake = sight.uuid === uuid ? "" : ` and its UUID is ${sight.uuid}, not ${uuid} as here`;
    return [`system ${system}, where libvirt says ${sight.words.text}${namesake}`];
  });
  if (active.length > 0) {
    return `guest ${guest} is active on ${active.join(", and on ")}: it is not started here a second time; end or migrate it there first`;
  }
  if (doubleStart !== "strict") return undefined;
  const unreadable = all.flatMap(([system, sight]) =>
    sight.kind === "unreadable" ? [`${system} (${sight.reason})`] : [],
  );
  if (unreadable.length === 0) return undefined;
  return `guest ${guest} may be active on a system that cannot be read, and doubleStart is strict: ${unreadable.join(", ")}`;
}
