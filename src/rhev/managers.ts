import { EventEmitter } from "eventemitter3";
import { AgentError } from "../agent-error.ts";
import type { Attributes } from "../attributes.ts";
import { type Beats, UNWATCHED } from "../beat.ts";
import type { Log } from "../log.ts";
import type { PlatformEvents, RequestOutcome } from "../platform.ts";
import { Manager } from "./manager.ts";
import type { OwnIdentity } from "./own-host.ts";
import type { RhevSettings } from "./rhev-settings.ts";
import { parseRhevmUrl } from "./settings.ts";

/** A resource's way to its engine. */
export type RhevmInfo = Attributes["rhevmInfo"];

export interface ManagersParts {
  readonly settings: () => RhevSettings;
  readonly identity: () => Promise<OwnIdentity>;
  /** RHEVMInfo's Password of a resource that names this engine and user, encrypted. */
  readonly encryptedPassword: (url: string, user: string, signal: AbortSignal) => Promise<string | undefined>;
  readonly log: Log;
}

interface Running {
  readonly manager: Manager;
  /** The engine in events: its URL, with a number where several users of one engine are in use. */
  readonly source: string;
  readonly origin: string;
  /** How it is reached, as configured when it was opened. */
  readonly reach: string;
  readonly ending: AbortController;
  readonly end: Promise<void>;
  readonly guests: Set<string>;
}

/** All engines that resources name: one connection and one poller for each, however many guests it has. */
export class Managers {
  readonly events = new EventEmitter<PlatformEvents>();
  readonly #parts: ManagersParts;
  readonly #running = new Map<string, Running>();
  /** Those that are being logged out of. */
  readonly #leaving = new Set<Promise<void>>();
  #lifetime = new AbortController();
  #beats: Beats = UNWATCHED;

  constructor(parts: ManagersParts) {
    this.#parts = parts;
  }

  /** Keeps those that are in use until the signal aborts, and then logs out everywhere. Nobody asks for one before. */
  async run(beats: Beats, signal: AbortSignal): Promise<void> {
    this.#beats = beats;
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
    this.#lifetime.abort();
    const all = [...this.#running.values()];
    for (const { ending } of all) ending.abort();
    await Promise.all([...all.map(({ end }) => end), ...this.#leaving]);
  }

  /**
   * The engine that keeps a guest, which is followed there from now on.
   *
   * @throws {AgentError} BAD_ATTRIBUTE when RHEVMInfo names none
   */
  of(guest: string, info: RhevmInfo): Manager {
    const { url, user } = complete(info);
    const key = keyOf(url, user);
    const known = this.#running.get(key);
    const running = known === undefined ? this.#open(url, user, key) : this.#upToDate(known, url, user, key);
    if (!running.guests.has(guest)) {
      this.forget(guest);
      running.guests.add(guest);
      running.manager.poller.follow(guest);
    }
    return running.manager;
  }

  /** A reload has changed how engines are reached: the connection is replaced, and its guests stay followed. */
  #upToDate(known: Running, url: string, user: string, key: string): Running {
    if (known.reach === this.#reach()) return known;
    this.#running.delete(key);
    const fresh = this.#open(url, user, key);
    for (const guest of known.guests) {
      fresh.guests.add(guest);
      fresh.manager.poller.follow(guest);
    }
    this.#leave(known);
    this.#parts.log.info({ rhevm: fresh.source }, "RHEV-M is connected to anew, as now configured");
    return fresh;
  }

  /**
   * An engine, whether or not a guest of it is followed: hosts may have to be activated there after the last resource has
   * gone. Any connection to it will do; where there is none, one is opened, and stays until the end or its next guest goes.
   *
   * @throws {AgentError} BAD_ATTRIBUTE when URL or user cannot be right
   */
  at({ url, user }: { readonly url: string; readonly user: string }): Manager {
    const key = keyOf(url, user);
    const known = this.#running.get(key);
    if (known !== undefined) return this.#upToDate(known, url, user, key).manager;
    const { origin } = parseRhevmUrl(url);
    const near = [...this.#running.values()].find((one) => one.origin === origin);
    return (near ?? this.#open(url, user, key)).manager;
  }

  /** Passwords may have changed: each is read anew. */
  renewPassword(info: RhevmInfo): void {
    if (info.url === undefined || info.user === undefined) return;
    this.#running.get(keyOf(info.url, info.user))?.manager.renewPassword();
  }

  /** Drops a guest; an engine without guests is logged out of. */
  forget(guest: string): void {
    for (const [key, running] of this.#running) {
      const { manager, source, guests } = running;
      if (!guests.delete(guest)) continue;
      manager.poller.forget(guest);
      if (guests.size > 0) continue;
      this.#running.delete(key);
      this.#leave(running);
      this.events.emit("dropped", source);
    }
  }

  #leave({ ending, end }: Running): void {
    ending.abort();
    this.#leaving.add(end);
    void end.finally(() => this.#leaving.delete(end));
  }

  #open(url: string, user: string, key: string): Running {
    const { settings, identity, encryptedPassword, log } = this.#parts;
    const { origin } = parseRhevmUrl(url);
    const source = this.#sourceOf(origin);
    const manager = new Manager({
      access: { url, user, encrypted: (limit) => encryptedPassword(url, user, limit) },
      settings,
      identity,
      onRequest: (outcome) => this.#tellOf(source, outcome),
      log: log.child({ rhevm: source }),
    });
    const { events } = manager.poller;
    events.on("changed", (guest) => this.events.emit("changed", guest));
    events.on("started", (guest) => this.events.emit("started", guest));
    events.on("connected", () => this.events.emit("connected", source));
    events.on("lost", (reason) => this.events.emit("lost", source, reason));
    const ending = new AbortController();
    if (this.#lifetime.signal.aborted) ending.abort();
    const reach = this.#reach();
    const running = {
      manager,
      source,
      origin,
      reach,
      ending,
      end: manager.run((loop) => this.#beats(`${loop} ${source}`), ending.signal),
      guests: new Set<string>(),
    };
    this.#running.set(key, running);
    return running;
  }

  /** A listener that throws must not look like a request whose answer was lost. */
  #tellOf(source: string, outcome: RequestOutcome): void {
    try {
      this.events.emit("requested", source, outcome);
    } catch (error) {
      this.#parts.log.error({ err: error }, "a listener to RHEV-M's changes failed");
    }
  }

  /** What of the settings a connection is made with. */
  #reach(): string {
    const { auth, trust, connectMs, answerMs } = this.#parts.settings();
    return JSON.stringify([auth, trust, connectMs, answerMs]);
  }

  #sourceOf(origin: string): string {
    const taken = new Set([...this.#running.values()].map(({ source }) => source));
    for (let number = 2, source = origin; ; number += 1) {
      if (!taken.has(source)) return source;
      source = `${origin} (${number})`;
    }
  }
}

function keyOf(url: string, user: string): string {
  return `${user} ${url}`;
}

function complete({ url, user }: RhevmInfo): { readonly url: string; readonly user: string } {
  if (url === undefined)
    throw new AgentError(
      "BAD_ATTRIBUTE",
      "RHEVMInfo URL: is required, such as https://rhevm.example.com:443",
    );
  if (user === undefined)
    throw new AgentError("BAD_ATTRIBUTE", "RHEVMInfo User: is required, such as admin@internal");
  return { url, user };
}
