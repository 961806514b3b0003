import { AgentError } from "../../agent-error.ts";
import { orAbort, throwIfAborted } from "../../deadline.ts";
import { agentErrorOf } from "../errors.ts";
import type { DomainRef, Limits } from "../hypervisor.ts";

/** The calls that checks make, and no more: none of them changes anything. */
export interface InspectedHost {
  close(): Promise<void>;
  getVersion(options?: Limits): Promise<number>;
  getLibVersion(options?: Limits): Promise<number>;
  getHostname(options?: Limits): Promise<string>;
  getCapabilities(options?: Limits): Promise<string>;
  compareCpu(xml: string, options?: Limits): Promise<number>;
  lookupByName(name: string, options?: Limits): Promise<DomainRef>;
  getXml(uuid: string, flags: number, options?: Limits): Promise<string>;
  getAutostart(uuid: string, options?: Limits): Promise<boolean>;
  getBlockInfo(uuid: string, disk: string, options?: Limits): Promise<unknown>;
}

/**
 * A libvirtd that checks share: opened at the first use, and once only, whatever comes of it. One check at a time asks it, so
 * that its few workers stay free for others; once it did not answer, nobody asks it again.
 */
export class HostAccess {
  readonly #open: (signal: AbortSignal) => Promise<InspectedHost>;
  readonly #ending = new AbortController();
  #opened: Promise<InspectedHost> | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #hung: AgentError | undefined;

  constructor(open: (signal: AbortSignal) => Promise<InspectedHost>) {
    this.#open = open;
  }

  /**
   * Asks it when it is one's turn.
   *
   * @param doing for the message of an error
   * @throws {AgentError} as agentErrorOf
   */
  use<T>(doing: string, signal: AbortSignal, work: (host: InspectedHost) => Promise<T>): Promise<T> {
    const done = this.#last.then(() => this.#ask(doing, signal, work));
    this.#last = done.catch(() => undefined); // its own caller is told
    return orAbort(done, signal);
  }

  /** Ends the connection; what is still being opened is given up. Never throws. */
  async close(): Promise<void> {
    this.#ending.abort(new Error("the checks are over"));
    await this.#opened?.then((host) => host.close()).catch(() => undefined);
  }

  async #ask<T>(doing: string, signal: AbortSignal, work: (host: InspectedHost) => Promise<T>): Promise<T> {
    throwIfAborted(signal); // its time went by while others asked
    if (this.#hung !== undefined) throw new AgentError(this.#hung.code, `${doing}: ${this.#hung.message}`);
    this.#opened ??= this.#open(this.#ending.signal);
    this.#opened.catch(() => undefined); // each that uses it is told
    try {
      const host = await orAbort(this.#opened, signal);
      return await orAbort(work(host), signal);
    } catch (error) {
      if (signal.aborted) this.#hung = new AgentError("TIMED_OUT", "libvirt did not answer an earlier check");
      throw agentErrorOf(error, doing);
    }
  }
}
