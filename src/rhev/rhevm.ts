import type { Log } from "../log.ts";
import type { RequestOutcome } from "../platform.ts";
import { Credentials } from "./credentials.ts";
import type { PasswordSource } from "./password.ts";
import { RhevmActions } from "./rhevm-actions.ts";
import { RhevmReads } from "./rhevm-reads.ts";
import { RhevmSession } from "./session.ts";
import type { RhevmSettings } from "./settings.ts";

/** One engine: what can be asked of it and changed at it, over one session. */
export interface Rhevm {
  readonly session: RhevmSession;
  readonly reads: RhevmReads;
  readonly actions: RhevmActions;
}

export interface RhevmParts {
  readonly settings: RhevmSettings;
  /** Asked at each reading of the password. */
  readonly passwordSource: () => PasswordSource;
  /** Hears of each request what became of it. */
  readonly onRequest?: (outcome: RequestOutcome) => void;
  readonly log: Log;
}

/** Makes what speaks to an engine. Nothing is sent before the first use; `session.close` ends it. */
export function rhevmOf({ settings, passwordSource, onRequest = ignore, log }: RhevmParts): Rhevm {
  const credentials = new Credentials(settings.user, passwordSource);
  const session = new RhevmSession({ settings, credentials, onRequest, log });
  return { session, reads: new RhevmReads(session), actions: new RhevmActions(session) };
}

function ignore(): void {
  // nobody counts
}
