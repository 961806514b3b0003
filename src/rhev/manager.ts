import type { Beats } from "../beat.ts";
import type { Log } from "../log.ts";
import type { RequestOutcome } from "../platform.ts";
import type { OwnIdentity } from "./own-host.ts";
import { Poller } from "./poller.ts";
import type { RhevSettings } from "./rhev-settings.ts";
import { type Rhevm, rhevmOf } from "./rhevm.ts";
import type { RhevmActions } from "./rhevm-actions.ts";
import type { RhevmReads } from "./rhevm-reads.ts";
import { parseRhevmUrl, parseUser, RHEVM_LIMITS } from "./settings.ts";

/** Which engine, and as whom. */
interface ManagerAccess {
  readonly url: string;
  readonly user: string;
  /** RHEVMInfo's Password as it stands there, encrypted; undefined where no resource has one. */
  readonly encrypted: (signal: AbortSignal) => Promise<string | undefined>;
}

export interface ManagerParts {
  readonly access: ManagerAccess;
  readonly settings: () => RhevSettings;
  readonly identity: () => Promise<OwnIdentity>;
  /** Hears of each request what became of it. */
  readonly onRequest: (outcome: RequestOutcome) => void;
  readonly log: Log;
}

/** One engine: the session with it, what is asked and changed there, and the poller that follows its guests. */
export class Manager {
  readonly reads: RhevmReads;
  readonly actions: RhevmActions;
  readonly poller: Poller;
  readonly #session: Rhevm["session"];

  /** @throws {AgentError} BAD_ATTRIBUTE when URL or user cannot be right */
  constructor({ access, settings, identity, onRequest, log }: ManagerParts) {
    const { auth, trust, connectMs, answerMs } = settings();
    const user = parseUser(access.user);
    const { session, reads, actions } = rhevmOf({
      settings: { ...RHEVM_LIMITS, url: parseRhevmUrl(access.url), user, auth, trust, connectMs, answerMs },
      passwordSource: () => {
        const { password } = settings();
        return password.kind === "command" ? { ...password, encrypted: access.encrypted } : password;
      },
      onRequest,
      log,
    });
    this.#session = session;
    this.reads = reads;
    this.actions = actions;
    this.poller = new Poller({
      source: this.reads,
      identity,
      configuredHost: () => settings().host,
      log,
    });
  }

  /** The password is read anew at the next request. */
  renewPassword(): void {
    this.#session.renewPassword();
  }

  /** Follows its guests until the signal aborts, then logs out. Never throws. */
  async run(beats: Beats, signal: AbortSignal): Promise<void> {
    await this.poller.run(beats, signal);
    await this.#session.close(new AbortController().signal);
  }
}
