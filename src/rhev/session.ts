import { AgentError, hasCode } from "../agent-error.ts";
import { orAbort, pause, withDeadline } from "../deadline.ts";
import type { Log } from "../log.ts";
import type { RequestOutcome } from "../platform.ts";
import type { XmlElement } from "../xml.ts";
import { type Asked, documentOf } from "./answers.ts";
import type { Credentials } from "./credentials.ts";
import { DocumentMemory } from "./document-memory.ts";
import { type Entry, enter, headersOf, sessionCookieOf } from "./entry.ts";
import { LoginRefused, loginRefused } from "./login-refused.ts";
import type { RhevmSettings } from "./settings.ts";
import { revokeToken } from "./token.ts";
import { type HttpAnswer, Transport } from "./transport.ts";

export interface SessionParts {
  readonly settings: RhevmSettings;
  readonly credentials: Credentials;
  readonly onRequest: (outcome: RequestOutcome) => void;
  readonly log: Log;
  /** From 0 to 1: spreads the retries of many hosts. */
  readonly random?: () => number;
}

/** What a request asks of the engine. */
export interface Question {
  /** below the root, with its query: `/vms?search=...` */
  readonly path: string;
  readonly notFound?: Asked["notFound"];
}

/** A request that changes something. */
export interface Write extends Question {
  readonly method: "POST" | "PUT";
  readonly body: string;
  /** Marks events and jobs of this request: at most 36 characters of A-Z, a-z, 0-9, `_` and `-`. */
  readonly correlationId: string;
  /**
   * It is sent in the session that stands or not at all: what it was decided on would be old after a log-in, which may take
   * half a minute.
   */
  readonly isPrompt?: boolean;
}

/** Either of them. */
interface Asking extends Question {
  readonly method: "GET" | Write["method"];
  readonly body?: string;
  readonly correlationId?: string;
  readonly isPrompt?: boolean;
}

/** A log-in is up to four requests, and may start the password's command. */
const LOGIN_MS = 30_000;

/** Milliseconds before a read is tried again, doubled each time, and how often. */
const RETRY_MS = 200;
const RETRIES = 2;

/** A refused password is not tried again for so many milliseconds, doubled each time: accounts get locked. */
const REFUSED_MS = 10_000;
const REFUSED_AT_MOST_MS = 300_000;

/** The log-out must not hold up the end of the daemon. */
const LOGOUT_MS = 2000;

/** One logged-in session with an engine, renewed by itself. */
export class RhevmSession {
  readonly #parts: SessionParts;
  readonly #transport: Transport;
  readonly #ending = new AbortController();
  readonly #memory = new DocumentMemory();
  #entry: Entry | undefined;
  #entering: Promise<Entry> | undefined;
  /** How often the password was renewed: what began before the last time is out of date. */
  #renewals = 0;
  /** Log-outs under way. */
  readonly #leaving = new Set<Promise<void>>();
  /** The last refusal, until when (performance.now) it stands, and how many there were in a row. */
  #refused: { readonly error: AgentError; readonly until: number; readonly times: number } | undefined;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.#transport = new Transport(parts.settings, parts.onRequest);
  }

  /** Logs in where that has not been done, and tells what was found. */
  async entry(signal: AbortSignal): Promise<Entry> {
    if (this.#entry !== undefined) return this.#entry;
    this.#entering ??= this.#logIn().finally(() => {
      this.#entering = undefined;
    });
    return orAbort(this.#entering, signal);
  }

  /**
   * Reads a document; a connection that breaks and an engine that is away are tried again for about a second.
   *
   * @throws {AgentError} UNTRUSTED, PLATFORM_DOWN, TIMED_OUT, NOT_ALLOWED, REFUSED, PROTOCOL, or what `notFound` says
   */
  async read(question: Question, signal: AbortSignal): Promise<XmlElement> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#ask({ ...question, method: "GET" }, signal);
      } catch (error) {
        if (attempt >= RETRIES || signal.aborted || !hasCode(error, "PLATFORM_DOWN")) throw error;
        const random = this.#parts.random ?? Math.random;
        await pause(RETRY_MS * 2 ** attempt * (0.5 + random()), signal);
      }
    }
  }

  /**
   * Changes something, and never asks twice, but after an answer that proves that nothing was done: an ended session.
   *
   * @throws {AgentError} as read; OUTCOME_UNKNOWN when it may have been carried out: then read the state; PLATFORM_DOWN for a
   * prompt one when there was no session: nothing was done, and the next one finds a session
   */
  async write(write: Write, signal: AbortSignal): Promise<XmlElement> {
    return this.#ask(write, signal);
  }

  /** A foreign text without what this session keeps secret. */
  hide(text: string): string {
    return this.#parts.credentials.hide(text);
  }

  /**
   * The password is read anew, and tried even if it was refused a moment ago. The session that is open ends at the engine
   * too, a little later, and a log-in under way, which may have used the old one, counts no more.
   */
  renewPassword(): void {
    const entry = this.#entry;
    this.#parts.credentials.forget();
    this.#renewals += 1;
    this.#refused = undefined;
    this.#entry = undefined;
    // requests under way still show it, and are over by then
    if (entry !== undefined) this.#leave(entry, this.#parts.settings.answerMs);
  }

  /** Logs out and ends all requests; never throws. */
  async close(signal: AbortSignal): Promise<void> {
    const entry = this.#entry;
    this.#entry = undefined;
    this.#ending.abort(new AgentError("CANCELLED", "the connection to RHEV-M is being closed"));
    if (entry !== undefined) this.#leave(entry);
    await withDeadline(LOGOUT_MS, "the log-outs", [signal], (limit) =>
      orAbort(Promise.all(this.#leaving), limit),
    ).catch(() => undefined); // each is logged; those that are not over by now idle out
    await this.#transport.close();
  }

  /** Logs out in the background, within a bound; after a time, or at once when the connection is closed. */
  #leave(entry: Entry, afterMs = 0): void {
    const left = pause(afterMs, this.#ending.signal)
      .then(() => withDeadline(LOGOUT_MS, "the log-out", [], (limit) => this.#logOut(entry, limit)))
      .catch((error: unknown) =>
        this.#parts.log.debug({ err: error }, "log-out from the engine failed, its session will idle out"),
      )
      .finally(() => this.#leaving.delete(left));
    this.#leaving.add(left);
  }

  async #ask(question: Asking, signal: AbortSignal): Promise<XmlElement> {
    const { settings } = this.#parts;
    const { entry, answer } = await this.#exchange(question, signal);
    const path = `${entry.root}${question.path.replace(/[?;].*$/, "")}`;
    const asked = {
      what: `${question.method} ${settings.url.origin}${path}`,
      isWrite: question.method !== "GET",
      bytesAtMost: settings.answerBytes,
      notFound: question.notFound,
      missesByPage: isBefore36(entry),
      hide: (text: string) => this.hide(text),
    };
    const parse = () => documentOf(answer, asked);
    if (asked.isWrite || answer.status !== 200) return parse();
    return this.#memory.documentOf(question.path, answer.text, parse);
  }

  /** Sends; a session that has ended is replaced once, silently. */
  async #exchange(
    question: Asking,
    signal: AbortSignal,
  ): Promise<{ readonly entry: Entry; readonly answer: HttpAnswer }> {
    const hadSession = this.#entry !== undefined;
    const entry = await this.entry(signal);
    if (question.isPrompt === true && !hadSession) throw notSent(question);
    const answer = await this.#send(entry, question, signal);
    if (answer.status !== 401) return { entry, answer };
    this.#drop(entry);
    const renewed = await this.entry(signal);
    if (question.isPrompt === true) throw notSent(question);
    const second = await this.#send(renewed, question, signal);
    if (second.status === 401) {
      this.#drop(renewed);
      this.#refuse(loginRefused(this.#parts.settings));
    }
    return { entry: renewed, answer: second };
  }

  async #send(entry: Entry, question: Asking, signal: AbortSignal): Promise<HttpAnswer> {
    const { method, path, body, correlationId } = question;
    const headers = {
      ...(await headersOf(this.#parts, entry, signal)),
      ...(body === undefined ? {} : { "content-type": "application/xml" }),
      ...(correlationId === undefined ? {} : { "correlation-id": correlationId }),
    };
    const answer = await this.#transport.send(
      {
        method,
        path: `${entry.root}${path}`,
        headers,
        ...(body === undefined ? {} : { body }),
        isWrite: method !== "GET",
      },
      signal,
    );
    this.#follow(entry, answer);
    return answer;
  }

  /** The engine may open a new session in place of an ended one: Basic authentication is sent along. */
  #follow(sent: Entry, answer: HttpAnswer): void {
    const cookie = sessionCookieOf(answer);
    // a late answer of a session that was replaced says nothing of the present one
    if (cookie === undefined || answer.status === 401 || this.#entry?.pass !== sent.pass) return;
    if (this.#entry.pass.kind !== "session") return;
    this.#parts.credentials.keepSecret(cookie);
    this.#entry = { ...this.#entry, pass: { kind: "session", cookie } };
  }

  #drop(entry: Entry): void {
    if (this.#entry?.pass === entry.pass) this.#entry = undefined;
  }

  /** A log-in during which the password was renewed is done again. */
  async #logIn(): Promise<Entry> {
    for (;;) {
      const entry = await this.#logInOnce();
      if (entry !== undefined) return entry;
    }
  }

  /** @returns undefined when the password was renewed meanwhile, whatever came of it */
  async #logInOnce(): Promise<Entry | undefined> {
    const { log, settings } = this.#parts;
    const renewals = this.#renewals;
    const isOutOfDate = () => this.#renewals !== renewals && !this.#ending.signal.aborted;
    if (this.#refused !== undefined && performance.now() < this.#refused.until) throw this.#refused.error;
    const { origin } = settings.url;
    try {
      const entry = await withDeadline(LOGIN_MS, `the log-in at ${origin}`, [this.#ending.signal], (limit) =>
        this.#enterTwice(limit),
      );
      if (isOutOfDate()) {
        this.#leave(entry);
        return undefined;
      }
      this.#entry = entry;
      this.#refused = undefined;
      const { product, version, root } = entry;
      log.debug({ product, version, root }, "logged in to the engine");
      return entry;
    } catch (error) {
      if (isOutOfDate()) return undefined;
      if (error instanceof LoginRefused) this.#refuse(error);
      throw error;
    }
  }

  /** A refused password may have been changed: it is read anew, and tried once more if it is another. */
  async #enterTwice(signal: AbortSignal): Promise<Entry> {
    const parts = { ...this.#parts, transport: this.#transport };
    try {
      if (this.#refused !== undefined) this.#parts.credentials.forget();
      return await enter(parts, signal);
    } catch (error) {
      if (!(error instanceof LoginRefused) || !(await this.#parts.credentials.reread(signal))) throw error;
      return enter(parts, signal);
    }
  }

  #refuse(error: AgentError): void {
    const times = (this.#refused?.times ?? 0) + 1;
    const waitMs = Math.min(REFUSED_MS * 2 ** (times - 1), REFUSED_AT_MOST_MS);
    this.#refused = { error, until: performance.now() + waitMs, times };
  }

  async #logOut(entry: Entry, signal: AbortSignal): Promise<void> {
    const { pass, root, version } = entry;
    if (pass.kind === "token") return revokeToken({ transport: this.#transport }, pass.token, signal);
    if (pass.cookie === undefined) return;
    // a request with the session's cookie that does not ask to keep it ends it
    const headers = {
      accept: "application/xml",
      version: String(version),
      cookie: `JSESSIONID=${pass.cookie}`,
    };
    await this.#transport.send({ method: "GET", path: root, headers, isWrite: false }, signal);
  }
}

/** The session had ended; the caller looks again before it asks again. */
function notSent({ method, path }: Asking): AgentError {
  return new AgentError(
    "PLATFORM_DOWN",
    `${method} ${path}: the session with RHEV-M had ended, nothing was done; it is logged in again`,
  );
}

/** An engine that tells no release is as old as its API. */
function isBefore36({ version, release }: Entry): boolean {
  return release === undefined ? version === 3 : release.major === 3 && release.minor < 6;
}
