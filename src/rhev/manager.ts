import type { Log } from "../log.ts";
import { Credentials } from "./credentials.ts";
import type { OwnIdentity } from "./own-host.ts";
import { Poller } from "./poller.ts";
import type { RhevSettings } from "./rhev-settings.ts";
import { RhevmActions } from "./rhevm-actions.ts";
import { RhevmReads } from "./rhevm-reads.ts";
import { RhevmSession } from "./session.ts";
import { parseRhevmUrl, parseUser, RHEVM_LIMITS } from "./settings.ts";

/** Which engine, and as whom. */
export interface ManagerAccess {
  readonly url: string;
  readonly user: string;
  /** RHEVMInfo's Password as it stands there, encrypted; undefined until a request has brought it. */
  readonly encrypted: () => string | undefined;
}

export interface ManagerParts {
  readonly access: ManagerAccess;
  readonly settings: () => RhevSettings;
  readonly identity: () => Promise<OwnIdentity>;
  readonly log: Log;
}

/** One engine: the session with it, what is asked and changed there, and the poller that follows its guests. */
export class Manager {
  readonly reads: RhevmReads;
  readonly actions: RhevmActions;
  readonly poller: Poller;
  readonly #session: RhevmSession;

  /** @throws {AgentError} BAD_ATTRIBUTE when URL or user cannot be right */
  constructor({ access, settings, identity, log }: ManagerParts) {
    const { auth, trust, connectMs, answerMs } = settings();
    const user = parseUser(access.user);
    const credentials = new Credentials(user, () => {
      const { password } = settings();
      return password.kind === "command" ? { ...password, encrypted: access.encrypted } : password;
    });
    this.#session = new RhevmSession({
      settings: { ...RHEVM_LIMITS, url: parseRhevmUrl(access.url), user, auth, trust, connectMs, answerMs },
      credentials,
      log,
    });
    this.reads = new RhevmReads(this.#session);
    this.actions = new RhevmActions(this.#session);
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
  async run(signal: AbortSignal): Promise<void> {
    await this.poller.run(signal);
    await this.#session.close(new AbortController().signal);
  }
}
