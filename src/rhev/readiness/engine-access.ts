import { orAbort } from "../../deadline.ts";
import type { Log } from "../../log.ts";
import type { EngineSight } from "../environment-check.ts";
import { connectionTo, type ManagerAccess } from "../manager.ts";
import { type OwnIdentity, ownHostOf } from "../own-host.ts";
import type { RhevSettings } from "../rhev-settings.ts";
import type { Rhevm } from "../rhevm.ts";

export interface EngineAccessParts {
  readonly access: ManagerAccess;
  /** The guests that it keeps. */
  readonly guests: readonly string[];
  readonly settings: () => RhevSettings;
  readonly identity: () => Promise<OwnIdentity>;
  readonly log: Log;
}

/** One engine that checks share: logged in once, read once. */
export class EngineAccess {
  readonly #parts: EngineAccessParts;
  #rhevm: Rhevm | undefined;
  #sight: Promise<EngineSight & { readonly product: string }> | undefined;

  constructor(parts: EngineAccessParts) {
    this.#parts = parts;
  }

  get url(): string {
    return this.#parts.access.url;
  }

  get user(): string {
    return this.#parts.access.user;
  }

  /**
   * What the engine says of its hosts and clusters and of the guests: read once, for all checks.
   *
   * @throws {AgentError} what keeps it from being read
   */
  read(signal: AbortSignal): Promise<EngineSight & { readonly product: string }> {
    // read for all: the first one's deadline must not be the others'
    this.#sight ??= this.#readAll(new AbortController().signal);
    this.#sight.catch(() => undefined); // each that uses it is told
    return orAbort(this.#sight, signal);
  }

  /** Logs out. Never throws. */
  async close(): Promise<void> {
    await this.#rhevm?.session.close(new AbortController().signal);
  }

  /** Each of its requests has the deadline of the settings. */
  async #readAll(signal: AbortSignal): Promise<EngineSight & { readonly product: string }> {
    const { access, guests, settings, identity, log } = this.#parts;
    this.#rhevm = connectionTo(access, settings, { onRequest: () => undefined, log });
    const { session, reads } = this.#rhevm;
    const { product } = await session.entry(signal);
    const vms = await reads.vmsNamed(guests, signal);
    const hosts = await reads.hosts(signal);
    const clusters = await reads.clusters(signal);
    return { product, vms, clusters, own: ownHostOf(hosts, await identity(), settings().host) };
  }
}
