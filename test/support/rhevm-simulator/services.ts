import { type HttpReply, type HttpRequest, headerOf, textReply } from "./http-message.ts";
import type { Logins } from "./logins.ts";
import type { Release } from "./release.ts";
import { cutAt } from "./target.ts";

/** What the engine offers beside its API, without a login. */
export interface Services {
  readonly release: Release;
  readonly logins: Logins;
  readonly caPem: string;
}

const TOKEN_PATH = "/ovirt-engine/sso/oauth/token";
const LOGOUT_PATH = "/ovirt-engine/services/sso-logout";
const HEALTH_PATH = "/ovirt-engine/services/health";
const JSON_TYPE = "application/json";

/** Answers a request for a token, a log-out, the health page or the CA's certificate; undefined for any other path. */
export function serveService(
  request: HttpRequest,
  { release, logins, caPem }: Services,
): HttpReply | undefined {
  const [path, query] = cutAt(request.url, "?");
  if (path === release.caPath) return caReply(release, query, caPem);
  if (release.major > 3 && path === HEALTH_PATH) return textReply(200, "DB Up!Welcome to Health Status!");
  if (!release.hasOauth) return undefined;
  if (path === TOKEN_PATH) return tokenReply(request, query, logins);
  if (path === LOGOUT_PATH) {
    logins.revoke(new URLSearchParams(request.body).get("token") ?? "");
    return textReply(200, "{}", JSON_TYPE);
  }
  return undefined;
}

function caReply(release: Release, query: string, caPem: string): HttpReply {
  const wanted = new URLSearchParams(query);
  const isCa = wanted.get("resource") === "ca-certificate" && wanted.get("format") === "X509-PEM-CA";
  if (release.caPath !== "/ca.crt" && !isCa) return textReply(400, "no such resource");
  return textReply(200, caPem, "application/x-x509-ca-cert");
}

function tokenReply(request: HttpRequest, query: string, logins: Logins): HttpReply {
  const form = new URLSearchParams(request.method === "POST" ? request.body : query);
  const refuse = (words: Record<string, string>) => textReply(400, JSON.stringify(words), JSON_TYPE);
  if (headerOf(request, "accept") !== JSON_TYPE) {
    return refuse({
      error: "invalid_request",
      error_description: "The request is missing the Accept header.",
    });
  }
  if (form.get("grant_type") !== "password") {
    return refuse({ error: "unsupported_grant_type", error_description: "The grant type is not supported." });
  }
  const [name, scope] = [form.get("username") ?? "", form.get("scope") ?? ""];
  const token = logins.token(name, form.get("password") ?? "");
  if (token === undefined) {
    const words = `Cannot authenticate user '${name}': The user name or password is incorrect.`;
    const isApi = scope.includes("ovirt-app-api");
    return refuse(
      isApi
        ? { error_code: "access_denied", error: words }
        : { error: "access_denied", error_description: words },
    );
  }
  const answer = { access_token: token, scope, exp: "9223372036854775807", token_type: "bearer" };
  return textReply(200, JSON.stringify(answer), JSON_TYPE);
}
