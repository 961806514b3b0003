import { AgentError } from "../agent-error.ts";
import { documentOf } from "./answers.ts";
import { type ApiRoot, type ApiVersion, apiRootOf } from "./api-document.ts";
import { loginRefused } from "./login-refused.ts";
import { type LoginParts, requestToken } from "./token.ts";
import type { HttpAnswer } from "./transport.ts";

/** What a log-in found and got. */
export interface Entry {
  /** Path of the API. */
  readonly root: string;
  readonly version: ApiVersion;
  readonly product: string;
  readonly release: ApiRoot["release"];
  readonly pass: Pass;
}

/** What later requests show instead of logging in again. */
type Pass =
  | { readonly kind: "session"; readonly cookie: string | undefined }
  | { readonly kind: "token"; readonly token: string };

/** Where the API is. Source: oVirt engine 3.5 and later, and up to 3.6. */
const ROOTS = ["/ovirt-engine/api", "/api"];

/** Version 4 where there is one: engines since 4.4 know no other, those up to 3.6 ignore what is asked. */
const VERSIONS = [4, 3] as const;

/** Statuses of a path or version that is not there. */
const NOT_THERE = [400, 404, 405];

/**
 * Finds the API and logs in: the request that finds it opens the session.
 *
 * @throws {LoginRefused} when user or password are not accepted
 * @throws {AgentError} as Transport.send and documentOf; PLATFORM_DOWN when there is no API
 */
export async function enter(parts: LoginParts, signal: AbortSignal): Promise<Entry> {
  const { settings } = parts;
  const token = settings.auth === "oauth" ? await requestToken(parts, signal) : undefined;
  const roots = settings.url.root === undefined ? ROOTS : [settings.url.root];
  const seen: string[] = [];
  for (const version of VERSIONS) {
    for (const root of roots) {
      const pass: Pass =
        token === undefined ? { kind: "session", cookie: undefined } : { kind: "token", token };
      const headers = await headersOf(parts, { version, pass }, signal);
      const answer = await parts.transport.send(
        { method: "GET", path: root, headers, isWrite: false },
        signal,
      );
      if (!NOT_THERE.includes(answer.status)) return entryOf(parts, { root, version, pass }, answer);
      seen.push(`${root} (version ${version}): ${answer.status}`);
    }
  }
  throw new AgentError(
    "PLATFORM_DOWN",
    `${settings.url.origin}: no API of RHEV-M there; ${seen.join(", ")}: is RHEVMInfo's URL right, or is the engine starting?`,
  );
}

/** The headers of each request. `Filter: false` because a filtered answer leaves out where a VM runs. */
export async function headersOf(
  { settings, credentials }: Pick<LoginParts, "settings" | "credentials">,
  { version, pass }: Pick<Entry, "version" | "pass">,
  signal: AbortSignal,
): Promise<Record<string, string>> {
  const headers = { accept: "application/xml", version: String(version), filter: "false" };
  if (pass.kind === "token") return { ...headers, authorization: `Bearer ${pass.token}` };
  return {
    ...headers,
    authorization: await credentials.basic(signal),
    prefer: "persistent-auth",
    "session-ttl": String(settings.sessionMinutes),
    ...(pass.cookie === undefined ? {} : { cookie: `JSESSIONID=${pass.cookie}` }),
  };
}

/** The session that an answer opened or replaced; undefined when it did neither. */
export function sessionCookieOf({ cookies }: HttpAnswer): string | undefined {
  for (const cookie of cookies) {
    const id = /^JSESSIONID=([\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]{1,256})(;|$)/.exec(cookie)?.[1];
    if (id !== undefined) return id;
  }
  return undefined;
}

async function entryOf(
  { settings, credentials }: LoginParts,
  { root, version, pass }: Pick<Entry, "root" | "version" | "pass">,
  answer: HttpAnswer,
): Promise<Entry> {
  const what = `GET ${settings.url.origin}${root}`;
  const hide = (text: string) => credentials.hide(text);
  const asked = {
    what,
    isWrite: false,
    bytesAtMost: settings.answerBytes,
    notFound: undefined,
    missesByPage: false,
    hide,
  };
  if (answer.status === 401) throw loginRefused(settings);
  const api = apiRootOf(await documentOf(answer, asked), what);
  const cookie = sessionCookieOf(answer);
  if (cookie !== undefined) credentials.keepSecret(cookie);
  return {
    root,
    version: api.version ?? version,
    product: api.product,
    release: api.release,
    pass: pass.kind === "token" ? pass : { kind: "session", cookie },
  };
}
