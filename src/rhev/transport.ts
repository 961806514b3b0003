import { errors, Pool } from "undici";
import { AgentError, messageOf } from "../agent-error.ts";
import { abortError, throwIfAborted, withDeadline } from "../deadline.ts";
import type { RequestOutcome } from "../platform.ts";
import { oneLine } from "./one-line.ts";
import type { RhevmSettings } from "./settings.ts";
import { ConnectFailure, trustedConnector } from "./trusted-connector.ts";

export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT";
  /** with the query */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** It changes something at the engine: when its answer is lost, its outcome is unknown. */
  readonly isWrite: boolean;
}

export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  /** the Set-Cookie headers, as they came */
  readonly cookies: readonly string[];
  readonly text: string;
}

/** What the transport needs of the settings. */
export type TransportSettings = Pick<
  RhevmSettings,
  "url" | "trust" | "connectMs" | "answerMs" | "answerBytes"
>;

/** Requests at the same time; a hung one must not hold up the others. */
const CONNECTIONS = 8;

/** Shorter than Apache's own limit of 5 s, so that a write seldom meets a connection that is just being closed. */
const IDLE_MS = 4000;

/** The answer is compressed, which nobody asked for: unpacked it may be of any size. */
class UnaskedCoding extends Error {
  constructor(coding: string) {
    super(`its answer is coded as ${oneLine(coding, 40)}, which was not asked for`);
  }
}

/** HTTPS to one engine. Follows no redirection, asks for no compression, and retries nothing. */
export class Transport {
  readonly #settings: TransportSettings;
  readonly #onRequest: (outcome: RequestOutcome) => void;
  readonly #pool: Pool;

  /** @param onRequest hears of each request what became of it; must not throw */
  constructor(settings: TransportSettings, onRequest: (outcome: RequestOutcome) => void) {
    this.#settings = settings;
    this.#onRequest = onRequest;
    const { origin } = settings.url;
    this.#pool = new Pool(origin, {
      connect: trustedConnector(origin, settings.trust, settings.connectMs),
      connections: CONNECTIONS,
      pipelining: 1,
      keepAliveTimeout: IDLE_MS,
      // the deadline of a request covers all of it
      headersTimeout: 0,
      bodyTimeout: 0,
      maxResponseSize: settings.answerBytes,
    });
  }

  /**
   * Sends a request once and reads its whole answer, whatever its status.
   *
   * @throws {AgentError} UNTRUSTED, PLATFORM_DOWN, TIMED_OUT, PROTOCOL (too large, no HTTP, no UTF-8); for a write that may
   *   have reached the engine OUTCOME_UNKNOWN instead, with the other as its cause
   */
  async send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    throwIfAborted(signal);
    const what = `${request.method} ${this.#settings.url.origin}${pathOf(request.path)}`;
    return withDeadline(this.#settings.answerMs, what, [signal], async (limit) => {
      try {
        const answer = await this.#exchange(request, limit);
        this.#onRequest(isGranted(answer.status) ? "granted" : "refused");
        return answer;
      } catch (error) {
        this.#onRequest("failed");
        if (error instanceof ConnectFailure) throw error.reason;
        const reason = limit.aborted ? abortError(limit) : this.#reasonOf(error, what);
        if (request.isWrite) throw outcomeUnknown(what, reason);
        throw reason;
      }
    });
  }

  /** Ends all connections, and the requests on them. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async #exchange(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const { statusCode, headers, body } = await this.#pool.request({
      method: request.method,
      path: request.path,
      headers: request.headers,
      body: request.body ?? null,
      signal,
    });
    const bytes = await body.arrayBuffer();
    const coding = listOf(headers["content-encoding"])[0] ?? "identity";
    if (coding !== "identity") throw new UnaskedCoding(coding);
    return {
      status: statusCode,
      contentType: listOf(headers["content-type"])[0] ?? "",
      cookies: listOf(headers["set-cookie"]),
      // pages of the proxy are in any character set, and only their status counts
      text: new TextDecoder("utf-8", { fatal: isGranted(statusCode) }).decode(bytes),
    };
  }

  #reasonOf(error: unknown, what: string): AgentError {
    const say = (code: "PROTOCOL" | "PLATFORM_DOWN" | "CANCELLED", words: string) =>
      new AgentError(code, `${what}: ${words}`, { cause: error });
    if (error instanceof errors.ResponseExceededMaxSizeError)
      return say("PROTOCOL", `its answer is larger than ${this.#settings.answerBytes} bytes`);
    if (error instanceof errors.HTTPParserError || error instanceof errors.HeadersOverflowError)
      return say("PROTOCOL", "what answers does not speak HTTP as it should");
    if (error instanceof UnaskedCoding) return say("PROTOCOL", error.message);
    if (error instanceof TypeError && "code" in error && error.code === "ERR_ENCODING_INVALID_ENCODED_DATA")
      return say("PROTOCOL", "its answer is no UTF-8 text");
    if (error instanceof errors.ClientDestroyedError || error instanceof errors.ClientClosedError)
      return say("CANCELLED", "the connection to RHEV-M is being closed");
    return say("PLATFORM_DOWN", `the connection broke (${codeOf(error)})`);
  }
}

/** A write that was sent, or may have been, and was not answered as it should be. */
export function outcomeUnknown(what: string, reason: AgentError): AgentError {
  return new AgentError(
    "OUTCOME_UNKNOWN",
    `${what}: may have been carried out, its answer was lost: ${reason.message}`,
    { cause: reason },
  );
}

function isGranted(status: number): boolean {
  return status >= 200 && status <= 299;
}

/** Without the query, which may be thousands of characters long. */
function pathOf(path: string): string {
  return path.replace(/[?;].*$/, "");
}

function listOf(header: string | string[] | undefined): readonly string[] {
  if (header === undefined) return [];
  return typeof header === "string" ? [header] : header;
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : messageOf(error);
}
