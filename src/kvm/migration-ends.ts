import { messageOf } from "../agent-error.ts";
import { throwIfAborted, withDeadline } from "../deadline.ts";
import type { Log } from "../log.ts";
import type { MigrationEnd } from "../migration.ts";
import type { Causes } from "./causes.ts";
import { hasEnded } from "./domain-words.ts";
import type { Lane } from "./lane.ts";
import {
  type MigrationReply,
  type MigrationVerdict,
  runsTwice,
  type SourceSight,
  type TargetSight,
  verdictOfEnds,
} from "./migration-end.ts";
import { type Sight, sourceSight, targetSight } from "./migration-sights.ts";
import type { PeerSight, Peers } from "./peers.ts";
import type { KvmSettings } from "./settings.ts";

/** A libvirtd that is being restarted is waited for this long. */
const SESSION_MS = 2000;
const READ_MS = 5000;
const DESTROY_MS = 20_000;

/** One guest between two hosts; without a peer it may be on any. `endedHere`: see Whereabouts. */
export interface MigrationPlace {
  readonly guest: string;
  readonly uuid: string;
  readonly peer: string | undefined;
  readonly endedHere?: true | undefined;
}

/** One look at both ends. */
export interface EndsSeen {
  readonly source: Sight<SourceSight>;
  readonly target: Sight<TargetSight>;
  /** The system that was looked at as the target, where it is one. */
  readonly peer: string | undefined;
  readonly verdict: MigrationVerdict;
  /** A peer that says of itself that the guest's emulator ended there. */
  readonly endedOn?: string | undefined;
}

type TargetSeen = Pick<EndsSeen, "target" | "peer" | "endedOn">;

export interface MigrationEndsParts {
  readonly slow: Lane;
  readonly destroyLane: Lane;
  readonly peers: Peers;
  readonly causes: Causes;
  readonly settings: () => KvmSettings;
  readonly log: Log;
}

/** Reads both ends of a migration, and removes what is proved dead of it. */
export class MigrationEnds {
  readonly #parts: MigrationEndsParts;
  /** Guests of which it was said that what is left cannot be ended. */
  readonly #refused = new Set<string>();

  constructor(parts: MigrationEndsParts) {
    this.#parts = parts;
  }

  /**
   * Looks at both ends at once; what cannot be read is told as such.
   *
   * @throws {AgentError} the signal was aborted
   */
  async look(place: MigrationPlace, reply: MigrationReply, signal: AbortSignal): Promise<EndsSeen> {
    const [source, there] = await Promise.all([this.#source(place, signal), this.#target(place, signal)]);
    throwIfAborted(signal);
    const seen = { source, ...there, verdict: verdictOfEnds(source.word, there.target.word, reply) };
    const isLost = seen.verdict === "lost" || (source.word === "split" && seen.verdict === "destroy source");
    if (!isLost) return seen;
    // the target of a migration that somebody else asked for may be a host that is not configured
    if (place.peer === undefined)
      return place.endedHere === true && source.word !== "split" ? seen : { ...seen, verdict: "doubtful" };
    // it may have gone on from there: what runs anywhere is not lost
    const elsewhere = anywhere(await this.#parts.peers.readPeers({ uuid: place.uuid }, signal));
    if (elsewhere.target.word === "unreadable" && mayHaveGoneOn(seen))
      return { source, ...elsewhere, verdict: "doubtful" };
    if (!isActiveWord(elsewhere.target.word)) return seen;
    return { source, ...elsewhere, verdict: verdictOfEnds(source.word, elsewhere.target.word, reply) };
  }

  /**
   * Ends a copy that the other end proves dead, after a second look at both. True when something was ended, and both ends
   * are to be looked at again.
   */
  async removeDead(place: MigrationPlace, { verdict }: EndsSeen, signal: AbortSignal): Promise<boolean> {
    if (verdict !== "destroy source" && verdict !== "destroy target") {
      this.#refused.delete(place.guest);
      return false;
    }
    const again = await this.look(place, "none", signal);
    if (again.verdict !== verdict || again.peer === undefined) return false;
    const { guest, uuid } = place;
    const on = verdict === "destroy source" ? "this host" : again.peer;
    const fields = { guest, on, source: again.source.text, target: again.target.text };
    try {
      await withDeadline(DESTROY_MS, `ending what is left of guest ${guest} on ${on}`, [signal], (limit) =>
        verdict === "destroy source"
          ? this.#destroyHere(uuid, limit)
          : this.#destroyThere(again.peer, uuid, limit),
      );
      this.#refused.delete(guest);
      this.#parts.log.warn(
        fields,
        "what a migration left of the guest is ended, the other end proves it dead",
      );
      return true;
    } catch (error) {
      throwIfAborted(signal);
      if (this.#refused.has(guest)) return false;
      this.#refused.add(guest);
      this.#parts.log.warn({ ...fields, err: error }, "what a migration left of the guest cannot be ended");
      return false;
    }
  }

  /** What a look says of the migration's end; whatever is not at rest is doubtful. */
  endOf({ guest, peer }: MigrationPlace, seen: EndsSeen): MigrationEnd {
    const where = seen.peer ?? peer;
    const why = `libvirt here says ${seen.source.text}, ${where ?? "other hosts"}: ${seen.target.text}`;
    if (seen.verdict === "moved") return { kind: "moved", why, peer: where };
    if (seen.verdict === "stayed") return { kind: "stayed", why };
    if (seen.verdict === "lost") return { kind: "lost", why, endedOn: seen.endedOn };
    const alarm = runsTwice(seen.source.word, seen.target.word)
      ? "; it runs on BOTH hosts, end one of the two by force at once"
      : "";
    const name = JSON.stringify(guest);
    const there = where === undefined ? undefined : this.#parts.peers.uriOf(where);
    const uris = [this.#parts.settings().uri, there ?? "URI of each other host"];
    const commands = uris.map((uri) => `virsh -c '${uri}' domstate --reason ${name}`);
    const isNowhere = seen.source.word === "split" && seen.target.word === "inactive";
    const isAsked = peer !== undefined || this.#parts.peers.systems.length > 0;
    const isUnread = seen.source.word === "unreadable" || (isAsked && seen.target.word === "unreadable");
    return {
      kind: "doubtful",
      why: `${why}${alarm}; decide with: ${commands.join(" and ")}`,
      ...(isNowhere ? { isNowhere } : {}),
      ...(isUnread ? { isUnread } : {}),
    };
  }

  async #source({ uuid }: MigrationPlace, signal: AbortSignal): Promise<Sight<SourceSight>> {
    try {
      return await withDeadline(READ_MS, "libvirt's answer", [signal], (limit) =>
        this.#parts.slow.use(SESSION_MS, limit, (session) =>
          sourceSight(session, uuid, this.#parts.causes, limit),
        ),
      );
    } catch (error) {
      throwIfAborted(signal);
      return { word: "unreadable", text: `nothing (${messageOf(error)})` };
    }
  }

  async #target({ uuid, peer }: MigrationPlace, signal: AbortSignal): Promise<TargetSeen> {
    const { peers } = this.#parts;
    if (peer !== undefined) {
      try {
        return { target: targetSight(await peers.readPeer(peer, { uuid }, signal)), peer };
      } catch (error) {
        throwIfAborted(signal);
        return { target: { word: "unreadable", text: messageOf(error) }, peer };
      }
    }
    return anywhere(await peers.readPeers({ uuid }, signal));
  }

  async #destroyHere(uuid: string, signal: AbortSignal): Promise<void> {
    // it is known where the guest lives: this is no end at the hand-over that leaves a doubt
    this.#parts.causes.forget(uuid);
    this.#parts.causes.stopAsked(uuid);
    await this.#parts.destroyLane.use(SESSION_MS, signal, (session) => session.destroy(uuid, 0, { signal }));
  }

  async #destroyThere(peer: string | undefined, uuid: string, signal: AbortSignal): Promise<void> {
    if (peer === undefined) return;
    const session = await this.#parts.peers.connect(peer, signal);
    try {
      await session.destroy(uuid, 0, { signal });
    } finally {
      void session.close();
    }
  }
}

/** It left here, or left the peer, so a third host may run it. */
function mayHaveGoneOn({ source, target }: Pick<EndsSeen, "source" | "target">): boolean {
  return source.word === "left" || target.text.endsWith("(migrated)");
}

/** All peers as one: it is where it is active; it is nowhere only if every one of them says so. */
function anywhere(seen: ReadonlyMap<string, PeerSight>): TargetSeen {
  const sights = [...seen].map(([peer, sight]) => ({ peer, target: targetSight(sight) }));
  const active = sights.filter(({ target }) => isActiveWord(target.word));
  const [first] = active;
  if (first !== undefined && active.length === 1) return first;
  if (first !== undefined)
    return {
      target: {
        word: active.every(({ target }) => mayNotHaveRun(target.word)) ? "unclear" : "other",
        text: `active on ${active.map(({ peer }) => peer).join(", ")}`,
      },
      peer: undefined,
    };
  if (sights.length === 0)
    return {
      target: { word: "unreadable", text: "no peers are configured that could be read" },
      peer: undefined,
    };
  const silent = sights.find(({ target }) => target.word === "unreadable");
  if (silent !== undefined) return { target: silent.target, peer: undefined };
  const [endedOn] = [...seen].find(([, sight]) => sight.kind === "inactive" && hasEnded(sight.words)) ?? [];
  return { target: { word: "inactive", text: "not active on any peer" }, peer: undefined, endedOn };
}

function mayNotHaveRun(word: TargetSight): boolean {
  return word === "incoming" || word === "unclear" || word === "standing";
}

function isActiveWord(word: TargetSight): boolean {
  return word !== "inactive" && word !== "unreadable";
}
