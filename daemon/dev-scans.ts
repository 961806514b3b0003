import { AgentError, messageOf } from "../src/agent-error.ts";
import type { Attributes } from "../src/attributes.ts";
import { pause } from "../src/deadline.ts";
import type { DevScanner, DevScanPhase } from "../src/dev-scan.ts";
import type { Log } from "../src/log.ts";
import { type DevScanWish, parseDevScan } from "./dev-scan-words.ts";
import { debtKey } from "./host-debt-store.ts";
import type { HostDebts } from "./host-debts.ts";

/** A call waits this long for the end of a scan: many need no longer, and the framework must not be kept. */
const WAIT_MS = 5000;

export interface DevScansParts {
  readonly scanner: Pick<DevScanner, "scan">;
  readonly debts: HostDebts;
  readonly log: Log;
  readonly waitMs?: number;
}

/** Who asks, and with what. */
export interface DevScanCall {
  readonly resource: string;
  readonly attributes: Attributes;
  /** The action's own arguments. */
  readonly args: readonly string[];
}

/** What the action prints, and its exit code. The first words tell a script how it stands. */
export interface DevScanReply {
  readonly exitCode: 0 | 1;
  readonly output: string;
}

/** One scan, running or ended. */
interface Job {
  phase: DevScanPhase;
  step: string;
  outcome: { readonly kind: "done" | "failed"; readonly words: string } | undefined;
  /** The outcome was shown to somebody who asked without an argument. */
  isShown: boolean;
  end: Promise<void>;
}

/** The engine of RHEV-M and the cluster that a scan is for. */
interface Place {
  readonly url: string;
  readonly user: string;
  readonly cluster: string;
}

/** Scans, which last longer than an action may: a call starts one or tells how it goes. One at a time for a cluster. */
export class DevScans {
  readonly #parts: DevScansParts;
  readonly #ending: AbortSignal;
  /** The last scan of each place. */
  readonly #jobs = new Map<string, Job>();

  /** @param ending aborts when the daemon ends: a running scan is given up, the next process gives its hosts back */
  constructor(parts: DevScansParts, ending: AbortSignal) {
    this.#parts = parts;
    this.#ending = ending;
  }

  /**
   * Answers a call of the action, within a few seconds.
   *
   * @throws {AgentError} BAD_ATTRIBUTE for arguments or a RHEVMInfo that cannot be right
   */
  async ask(call: DevScanCall, signal: AbortSignal): Promise<DevScanReply> {
    const wish = parseDevScan(call.args);
    const place = placeOf(call);
    const key = debtKey(place);
    const known = this.#jobs.get(key);
    const job = isStartedBy(wish, known) ? this.#start(key, place, call, wish) : known;
    if (job === undefined)
      return {
        exitCode: 0,
        output: `DevScan none: no scan has run since the daemon started${this.#owedWords(place)}`,
      };
    const waiting = new AbortController();
    await Promise.race([
      job.end,
      pause(this.#parts.waitMs ?? WAIT_MS, AbortSignal.any([signal, waiting.signal])),
    ]);
    waiting.abort();
    return this.#reply(job, wish, place);
  }

  #start(key: string, place: Place, call: DevScanCall, wish: DevScanWish): Job {
    const job: Job = {
      phase: "devices",
      step: "begins",
      outcome: undefined,
      isShown: false,
      end: Promise.resolve(),
    };
    job.end = this.#scan(job, place, call, wish.kind === "start" ? wish.confirmedDead : undefined);
    this.#jobs.set(key, job);
    return job;
  }

  /** Never throws: its end is kept for whoever asks. */
  async #scan(job: Job, place: Place, call: DevScanCall, confirmedDead: string | undefined): Promise<void> {
    const { scanner, debts } = this.#parts;
    const { resource, attributes } = call;
    const log = this.#parts.log.child({ resource });
    log.info({ cluster: place.cluster, confirmedDead }, "scan begins");
    const report = (phase: DevScanPhase, step: string) => {
      if (job.step !== step) log.info({ phase, step }, "scan goes on");
      job.phase = phase;
      job.step = step;
    };
    try {
      const words = await debts.during(place, () =>
        scanner.scan(
          {
            resource,
            attributes,
            confirmedDead,
            owed: debts.owed(place),
            report,
            keep: (hosts) => debts.keep(place, hosts),
          },
          this.#ending,
        ),
      );
      job.outcome = { kind: "done", words };
      log.info({ outcome: words }, "scan ended well");
    } catch (error) {
      const words = messageOf(error);
      job.outcome = { kind: "failed", words };
      if (error instanceof AgentError) log.warn({ phase: job.phase, reason: words }, "scan failed");
      else log.error({ phase: job.phase, err: error }, "scan failed in a way nobody foresaw");
    }
  }

  #reply(job: Job, wish: DevScanWish, place: Place): DevScanReply {
    const { phase, step, outcome } = job;
    if (outcome === undefined)
      return { exitCode: 0, output: `DevScan running (${phase}): ${step}; call again to see how it goes on` };
    if (wish.kind !== "status") job.isShown = true;
    const owed = this.#owedWords(place);
    if (outcome.kind === "done") return { exitCode: 0, output: `DevScan done: ${outcome.words}${owed}` };
    return { exitCode: 1, output: `DevScan failed (${phase}): ${outcome.words}${owed}` };
  }

  #owedWords(place: Place): string {
    const owed = this.#parts.debts.owed(place).map(({ name }) => name);
    if (owed.length === 0) return "";
    const trouble = this.#parts.debts.trouble(place);
    return `; being activated again: ${owed.join(", ")}${trouble === undefined ? "" : ` (${trouble})`}`;
  }
}

function isStartedBy(wish: DevScanWish, known: Job | undefined): boolean {
  if (wish.kind === "status") return false;
  if (known === undefined) return true;
  if (known.outcome === undefined) return false;
  return wish.kind === "start" || known.isShown;
}

function placeOf({ resource, attributes }: DevScanCall): Place {
  const { url, user, cluster } = attributes.rhevmInfo;
  if (url !== undefined && user !== undefined && cluster !== undefined) return { url, user, cluster };
  throw new AgentError(
    "BAD_ATTRIBUTE",
    `resource ${resource}: RHEVMInfo: DevScan needs its URL, User and Cluster`,
  );
}
