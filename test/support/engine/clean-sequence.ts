import { cleanArguments } from "./arguments.ts";
import type { CleanReason } from "./decisions.ts";
import { callEntryPoint } from "./entry-point-call.ts";
import type { ResourceStatus, StatusContext } from "./resource-status.ts";
import type { ScriptRunner } from "./script-runner.ts";

/** The cleans of one resource until nothing is under way any more. */
export class CleanSequence {
  readonly #context: StatusContext & { readonly runner: ScriptRunner };
  readonly #status: ResourceStatus;
  #calls = 0;
  #failures = 0;

  constructor(context: StatusContext & { readonly runner: ScriptRunner }, status: ResourceStatus) {
    this.#context = context;
    this.#status = status;
  }

  /** Another phase began, or the last one ended: counts anew. */
  forget(): void {
    this.#calls = 0;
    this.#failures = 0;
  }

  /**
   * Runs clean once, unless faults are left to the administrator. A clean that fails CleanRetryLimit times is given
   * up; a limit of 0 is none.
   *
   * @returns when to monitor: the first clean that succeeds is looked at at once, all others at the next interval
   */
  async run(reason: CleanReason): Promise<"monitor at once" | "monitor later"> {
    const { log, settings } = this.#context;
    if (!settings.managesFaults) return this.#giveUp(reason);
    this.#calls += 1;
    log.add("clean", settings.name, { reason, count: this.#calls });
    const end = await callEntryPoint(this.#context, "clean", cleanArguments(settings, reason));
    if (end.kind === "exited" && end.exitCode === 0) {
      this.#failures = 0;
      this.#status.change({ memory: { ...this.#status.memory, clean: { reason, outcome: "done" } } });
      return this.#calls === 1 ? "monitor at once" : "monitor later";
    }
    this.#failures += 1;
    this.#status.change({ memory: { ...this.#status.memory, clean: { reason, outcome: "failed" } } });
    log.add("clean failed", settings.name, { reason, count: this.#failures });
    const limit = settings.number("CleanRetryLimit");
    return limit !== 0 && this.#failures >= limit ? this.#giveUp(reason) : "monitor later";
  }

  #giveUp(reason: CleanReason): "monitor later" {
    const { log, settings } = this.#context;
    log.add(settings.managesFaults ? "clean given up" : "admin wait", settings.name, { reason });
    const memory = { ...this.#status.memory, clean: { reason, outcome: "given up" as const } };
    this.#status.change({ isInAdminWait: true, memory });
    return "monitor later";
  }
}
