import { AgentError } from "../agent-error.ts";
import type { RhevmSettings } from "./settings.ts";

/** The engine does not accept user and password. */
export class LoginRefused extends AgentError {}

/**
 * The refusal of a log-in, in words.
 *
 * @param said the engine's own words, without secrets
 */
export function loginRefused({ url, user }: RhevmSettings, said = ""): LoginRefused {
  return new LoginRefused(
    "NOT_ALLOWED",
    `${url.origin}: RHEV-M does not accept user ${user} with its password${said}: check RHEVMInfo's User and Password, and whether the account is locked`,
  );
}
