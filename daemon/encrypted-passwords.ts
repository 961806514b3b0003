import { ASSOCIATION_KEYS, type Attributes, encryptedPasswordIn } from "../src/attributes.ts";
import type { Engine } from "../src/engine.ts";
import { associationTokens, type Tuples } from "../src/tuples.ts";

/** The resources that are kept; ResourceBook fits. */
interface KeptResources {
  all(): readonly {
    readonly registration: { readonly resource: string; readonly attributes: Attributes };
  }[];
}

/**
 * RHEVMInfo's Passwords, encrypted as the cluster's engine passes them. In memory only: a registration is a file. After a
 * restart of the daemon the engine is asked.
 */
export class EncryptedPasswords {
  readonly #engine: Pick<Engine, "value">;
  readonly #book: KeptResources;
  readonly #texts = new Map<string, string>();
  /** Those that were given out: who asks again was refused with them. */
  readonly #used = new Set<string>();

  constructor(engine: Pick<Engine, "value">, book: KeptResources) {
    this.#engine = engine;
    this.#book = book;
  }

  /** Takes the password out of what a request carries, where there is one. */
  note({ rhevmInfo }: Attributes, tuples: Tuples): void {
    const text = encryptedPasswordIn(tuples);
    const { url, user } = rhevmInfo;
    if (url === undefined || user === undefined || text === undefined) return;
    const key = keyOf(url, user);
    if (this.#texts.get(key) !== text) this.#used.delete(key);
    this.#texts.set(key, text);
  }

  /** The attributes have changed: the engine is asked for the password at its next use. */
  forget({ rhevmInfo: { url, user } }: Attributes): void {
    if (url !== undefined && user !== undefined) this.#texts.delete(keyOf(url, user));
  }

  /**
   * The password of the resources that name this manager and user; undefined where none of them has one. Whoever asks again
   * was not let in with it: then the engine is asked, and what is known serves if it does not tell.
   *
   * @throws {AgentError} PLATFORM_DOWN or REFUSED when it is not known and the engine does not tell it
   */
  async of(url: string, user: string, signal: AbortSignal): Promise<string | undefined> {
    const key = keyOf(url, user);
    const known = this.#texts.get(key);
    const text =
      known !== undefined && !this.#used.has(key) ? known : await this.#asked(url, user, known, signal);
    if (text !== undefined) this.#used.add(key);
    return text;
  }

  async #asked(
    url: string,
    user: string,
    known: string | undefined,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    try {
      return await this.#ask(url, user, signal);
    } catch (error) {
      if (known === undefined) throw error;
      return known;
    }
  }

  async #ask(url: string, user: string, signal: AbortSignal): Promise<string | undefined> {
    const key = keyOf(url, user);
    const record = this.#book
      .all()
      .map(({ registration }) => registration)
      .find(({ attributes: { rhevmInfo } }) => rhevmInfo.url === url && rhevmInfo.user === user);
    if (record === undefined) return undefined;
    const line = await this.#engine.value(record.resource, "RHEVMInfo", signal);
    this.note(record.attributes, new Map([["RHEVMInfo", associationTokens(line, RHEVM_KEYS)]]));
    return this.#texts.get(key);
  }
}

const RHEVM_KEYS = ASSOCIATION_KEYS["RHEVMInfo"] ?? [];

function keyOf(url: string, user: string): string {
  return `${user} ${url}`;
}
