import { AgentError, messageOf } from "../src/agent-error.ts";
import { pause, withDeadline } from "../src/deadline.ts";
import type { DevScanner, HostDebt, OwedHost } from "../src/dev-scan.ts";
import type { Log } from "../src/log.ts";
import { debtKey, type HostDebtStore } from "./host-debt-store.ts";

/** Between two attempts, in milliseconds; doubled while there is trouble. */
const ATTEMPT_MS = 2000;
const ATTEMPT_AT_MOST_MS = 60_000;

/** One attempt for one engine. */
const RESTORE_MS = 60_000;

/** What a debt belongs to. */
type Place = Pick<HostDebt, "url" | "user" | "cluster">;

export interface HostDebtsParts {
  readonly scanner: Pick<DevScanner, "restore">;
  readonly store: HostDebtStore;
  readonly log: Log;
  readonly attemptMs?: number;
}

/**
 * Hosts that scans have sent to maintenance, and that have to be activated again: by this process or, after whatever becomes
 * of it, by the next.
 */
export class HostDebts {
  readonly #parts: HostDebtsParts;
  readonly #debts = new Map<string, HostDebt>();
  /** Keys of places in which a scan runs: until it ends, nothing is given back there. */
  readonly #scanning = new Set<string>();
  /** What the last attempt for a place complained of. */
  readonly #troubles = new Map<string, string>();
  #attempt: Promise<unknown> = Promise.resolve();
  #wake = new AbortController();

  constructor(parts: HostDebtsParts) {
    this.#parts = parts;
  }

  /** Reads what an earlier process owed. */
  async load(): Promise<void> {
    for (const debt of await this.#parts.store.load()) {
      if (this.#debts.has(debtKey(debt))) continue;
      this.#debts.set(debtKey(debt), debt);
      this.#parts.log.warn(fieldsOf(debt), "hosts of an interrupted scan are going to be activated again");
    }
    this.#wake.abort();
  }

  /** What is owed in a place. */
  owed(place: Place): readonly OwedHost[] {
    return this.#debts.get(debtKey(place))?.hosts ?? [];
  }

  /** What the last attempt in a place complained of. */
  trouble(place: Place): string | undefined {
    return this.#troubles.get(debtKey(place));
  }

  /** Runs a scan; nothing is given back in its place meanwhile, and all that is owed is when it has ended, however it did. */
  async during<T>(place: Place, scan: () => Promise<T>): Promise<T> {
    const key = debtKey(place);
    this.#scanning.add(key);
    try {
      await this.#attempt; // one that is under way may be activating hosts of this place
      return await scan();
    } finally {
      this.#scanning.delete(key);
      this.#wake.abort();
    }
  }

  /**
   * Writes down what is owed in a place.
   *
   * @throws {AgentError} REFUSED: it cannot be written
   */
  async keep(place: Place, hosts: readonly OwedHost[]): Promise<void> {
    const { url, user, cluster } = place;
    const key = debtKey(place);
    const since = this.#debts.get(key)?.since ?? new Date().toISOString();
    const debt: HostDebt = { url, user, cluster, since, hosts };
    try {
      if (hosts.length === 0) await this.#parts.store.remove(debt);
      else await this.#parts.store.save(debt);
    } catch (error) {
      throw new AgentError(
        "REFUSED",
        `it cannot be written to disk which hosts are in maintenance: ${messageOf(error)}`,
        { cause: error },
      );
    }
    if (hosts.length === 0) this.#debts.delete(key);
    else this.#debts.set(key, debt);
  }

  /** Gives back what is owed, again and again, until the signal aborts. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    const attemptMs = this.#parts.attemptMs ?? ATTEMPT_MS;
    let waitMs = attemptMs;
    const wake = () => this.#wake.abort();
    signal.addEventListener("abort", wake, { once: true });
    while (!signal.aborted) {
      this.#wake = new AbortController();
      const attempt = this.#giveBack(signal);
      this.#attempt = attempt;
      waitMs = (await attempt) ? attemptMs : Math.min(waitMs * 2, ATTEMPT_AT_MOST_MS);
      const isIdle = this.#debts.size === 0;
      await pause(isIdle ? ATTEMPT_AT_MOST_MS : waitMs, this.#wake.signal);
    }
    signal.removeEventListener("abort", wake);
    for (const debt of this.#debts.values())
      this.#parts.log.warn(fieldsOf(debt), "hosts stay in maintenance until the daemon runs again");
  }

  /** @returns false when something is in the way */
  async #giveBack(signal: AbortSignal): Promise<boolean> {
    const free = [...this.#debts].filter(([key]) => !this.#scanning.has(key));
    const results: boolean[] = [];
    for (const [key, debt] of free) results.push(await this.#giveBackOne(key, debt, signal));
    return results.every(Boolean);
  }

  async #giveBackOne(key: string, debt: HostDebt, signal: AbortSignal): Promise<boolean> {
    const { scanner, log } = this.#parts;
    try {
      const what = `activating hosts of ${debt.url} again`;
      const { owed, refusals } = await withDeadline(RESTORE_MS, what, [signal], (limit) =>
        scanner.restore(debt, limit),
      );
      if (JSON.stringify(owed) !== JSON.stringify(debt.hosts)) await this.keep(debt, owed);
      if (owed.length === 0) log.info(fieldsOf(debt), "no host of the scan is in maintenance any more");
      this.#note(key, debt, refusals.length === 0 ? undefined : refusals.join("; "));
      return refusals.length === 0;
    } catch (error) {
      if (signal.aborted) return true;
      if (!(error instanceof AgentError))
        log.error({ err: error }, "giving back hosts failed in a way nobody foresaw");
      this.#note(key, debt, messageOf(error));
      return false;
    }
  }

  /** A trouble that lasts is logged once. */
  #note(key: string, debt: HostDebt, reason: string | undefined): void {
    if (this.#troubles.get(key) === reason) return;
    if (reason === undefined) this.#troubles.delete(key);
    else this.#troubles.set(key, reason);
    if (reason !== undefined)
      this.#parts.log.warn(
        { ...fieldsOf(debt), reason },
        "hosts cannot be activated again yet, it is tried further",
      );
  }
}

function fieldsOf({ url, since, hosts }: HostDebt): object {
  return { rhevm: url, since, hosts: hosts.map(({ name }) => name) };
}
