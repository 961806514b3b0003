import { randomUUID } from "node:crypto";
import { serveApi } from "./api.ts";
import { faultReply } from "./api-call.ts";
import { type HttpReply, type HttpRequest, headerOf, htmlReply, unavailableReply } from "./http-message.ts";
import type { Inventory } from "./inventory.ts";
import type { Identity, LoginFailure, Logins } from "./logins.ts";
import type { ApiVersion } from "./release.ts";
import { serveService } from "./services.ts";
import { isTrue, parameterOf, type Target, targetOf } from "./target.ts";
import type { View } from "./view.ts";

/** What an engine is made of. */
export interface EngineParts {
  readonly site: Inventory;
  readonly logins: Logins;
  readonly caPem: string;
}

/** Longest line that the web server takes. Source: LimitRequestLine of httpd. */
const URL_LIMIT = 8190;

/** Answers a request as the engine and the web server before it do. */
export async function serve(request: HttpRequest, { site, logins, caPem }: EngineParts): Promise<HttpReply> {
  if (request.url.length > URL_LIMIT) return htmlReply(414, "Request-URI Too Long");
  if (site.isAway) return unavailableReply();
  const { release } = site;
  const service = serveService(request, { release, logins, caPem });
  if (service !== undefined) return service;
  const target = targetOf(request.url, release);
  if (target === undefined) return htmlReply(404, "Not Found");
  const version = versionOf(request, target, site);
  if (typeof version === "object") return version;
  const identity = logins.authenticate(request, target);
  if (typeof identity === "string") return nobody(identity, release.realm);
  const correlationId =
    headerOf(request, "correlation-id") ?? parameterOf(target, "correlation_id", { release, version });
  try {
    const reply = await serveUser({ request, site, target, identity, version }, correlationId);
    const correlation = release.correlatesReplies ? { "Correlation-Id": correlationId ?? randomUUID() } : {};
    return { ...reply, headers: { ...reply.headers, ...identity.headers, ...correlation } };
  } finally {
    identity.end();
  }
}

interface UserRequest {
  readonly request: HttpRequest;
  readonly site: Inventory;
  readonly target: Target;
  readonly identity: Identity;
  readonly version: ApiVersion;
}

async function serveUser(asked: UserRequest, correlationId: string | undefined): Promise<HttpReply> {
  const { request, site, target, identity, version } = asked;
  const { release } = site;
  const isFiltered = isFilteredFor(asked);
  const all = headerOf(request, "all-content") ?? parameterOf(target, "all_content", { release, version });
  const view: View = { version, root: target.root, release, isFiltered, hasAllContent: isTrue(all) };
  if (!isFiltered && !identity.user.isAdmin) {
    return faultReply({ view }, 403, "Operation Failed", "User is not authorized to perform this action.");
  }
  if (correlationId !== undefined && !/^[\w-]{1,36}$/.test(correlationId)) {
    return faultReply({ view }, 400, "Operation Failed", "[The correlation id is not valid.]");
  }
  return serveApi({ site, request, target, view, user: identity.user, correlationId });
}

/** With the header or parameter as it says, else as the release does for this user. */
function isFilteredFor({ request, site: { release }, target, identity, version }: UserRequest): boolean {
  const asked = headerOf(request, "filter") ?? parameterOf(target, "filter", { release, version });
  return asked === undefined ? release.filtersByDefault && !identity.user.isAdmin : isTrue(asked);
}

/** By the path, the header, the default; a version that the release never had is refused. */
function versionOf(request: HttpRequest, target: Target, { release }: Inventory): ApiVersion | HttpReply {
  const standard = release.apiVersions.at(-1) ?? 3;
  if (release.major === 3) return standard; // such engines know no versions
  const asked = target.pathVersion ?? headerOf(request, "version");
  if (asked === undefined) return standard;
  if (asked !== "3" && asked !== "4") return htmlReply(400, "Bad Request");
  const found = release.apiVersions.find((version) => String(version) === asked);
  return found ?? htmlReply(404, "Not Found");
}

function nobody(failure: LoginFailure, realm: string): HttpReply {
  switch (failure) {
    case "csrf":
      return htmlReply(403, "Forbidden");
    case "bad token":
      return htmlReply(401, "invalid_grant: The provided authorization grant for the auth code has expired.");
    case "unauthorized":
      return htmlReply(401, "Unauthorized", { "WWW-Authenticate": `Basic realm="${realm}"` });
  }
}
