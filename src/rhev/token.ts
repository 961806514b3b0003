import { AgentError } from "../agent-error.ts";
import type { Credentials } from "./credentials.ts";
import { loginRefused } from "./login-refused.ts";
import { oneLine } from "./one-line.ts";
import type { RhevmSettings } from "./settings.ts";
import type { HttpAnswer, Transport } from "./transport.ts";

/** What a log-in needs. */
export interface LoginParts {
  readonly transport: Transport;
  readonly settings: RhevmSettings;
  readonly credentials: Credentials;
}

/** Source: oVirt engine 4.0 and later, enginesso, OAuthTokenServlet; the Accept header must be this very text. */
const TOKEN_PATH = "/ovirt-engine/sso/oauth/token";

/** Source: the oVirt SDKs' log-out. */
const LOGOUT_PATH = "/ovirt-engine/services/sso-logout";

const FORM_HEADERS = { accept: "application/json", "content-type": "application/x-www-form-urlencoded" };

/** What of the engine's words is shown. */
const WORDS_CHARACTERS = 200;

/**
 * Asks for a token.
 *
 * @throws {LoginRefused} when user or password are not accepted
 * @throws {AgentError} as Transport.send; BAD_ATTRIBUTE where the engine offers no tokens, PLATFORM_DOWN, PROTOCOL
 */
export async function requestToken(
  { transport, settings, credentials }: LoginParts,
  signal: AbortSignal,
): Promise<string> {
  const body = await credentials.tokenForm(signal);
  const request = { method: "POST", path: TOKEN_PATH, headers: FORM_HEADERS, body, isWrite: false } as const;
  const answer = await transport.send(request, signal);
  const what = `POST ${settings.url.origin}${TOKEN_PATH}`;
  const fields = fieldsOf(answer);
  const token = fields?.["access_token"];
  if (answer.status === 200 && typeof token === "string" && /^[\x21-\x7e]{1,8192}$/.test(token)) {
    credentials.keepSecret(token);
    return token;
  }
  if (answer.status === 404)
    throw new AgentError(
      "BAD_ATTRIBUTE",
      `${what}: this engine offers no OAuth (those before 4.0 do not): set rhev.auth to basic`,
    );
  const said = wordsOf(fields, (text) => credentials.hide(text));
  if (answer.status === 401 || (answer.status === 400 && fields !== undefined))
    throw loginRefused(settings, said);
  const code = answer.status >= 500 ? "PLATFORM_DOWN" : "PROTOCOL";
  throw new AgentError(code, `${what}: RHEV-M answered ${answer.status} without a token${said}`);
}

/** Gives a token back. Its answer says nothing that anybody could act on. */
export async function revokeToken(
  { transport }: Pick<LoginParts, "transport">,
  token: string,
  signal: AbortSignal,
): Promise<void> {
  const body = new URLSearchParams({ scope: "ovirt-app-api", token }).toString();
  await transport.send(
    { method: "POST", path: LOGOUT_PATH, headers: FORM_HEADERS, body, isWrite: false },
    signal,
  );
}

/** The engine's own pair of words, or that of the RFC. */
function wordsOf(
  fields: Readonly<Record<string, unknown>> | undefined,
  hide: (text: string) => string,
): string {
  const words = [fields?.["error_code"], fields?.["error"], fields?.["error_description"]].filter(
    (word) => typeof word === "string",
  );
  return words.length === 0 ? "" : ` (${oneLine(hide(words.join(": ")), WORDS_CHARACTERS)})`;
}

function fieldsOf({ text }: HttpAnswer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined; // a page of the proxy, say
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
