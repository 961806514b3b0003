import { type PasswordSource, readPassword } from "./password.ts";

/** Passes that the engine gave out and that are remembered for hide: a few, as a session seldom is renewed. */
const PASSES_AT_MOST = 4;

/** Stands for a secret in a text. */
const HIDDEN = "***";

/**
 * The one place that holds the password of an engine, in memory only. It leaves as a header or a body that is sent at
 * once, and nothing that prints this object shows it.
 */
export class Credentials {
  readonly #user: string;
  readonly #source: () => PasswordSource;
  #password: string | undefined;
  #passes: readonly string[] = [];

  /** @param source asked at each reading, so that a reload takes effect */
  constructor(user: string, source: () => PasswordSource) {
    this.#user = user;
    this.#source = source;
  }

  /** The header of Basic authentication. */
  async basic(signal: AbortSignal): Promise<string> {
    const password = await this.#read(signal);
    return `Basic ${Buffer.from(`${this.#user}:${password}`, "utf8").toString("base64")}`;
  }

  /** The form that asks for a token. Source: oVirt engine, SSO, grant type `password`. */
  async tokenForm(signal: AbortSignal): Promise<string> {
    const password = await this.#read(signal);
    return new URLSearchParams({
      grant_type: "password",
      scope: "ovirt-app-api",
      username: this.#user,
      password,
    }).toString();
  }

  /** Reads it anew from its source, and says whether it is another than before. */
  async reread(signal: AbortSignal): Promise<boolean> {
    const before = this.#password;
    this.#password = undefined;
    return (await this.#read(signal)) !== before;
  }

  /** It is read anew at its next use. */
  forget(): void {
    this.#password = undefined;
  }

  /** Remembers a session or token that must not show either. */
  keepSecret(pass: string): void {
    if (this.#passes.includes(pass)) return;
    this.#passes = [pass, ...this.#passes].slice(0, PASSES_AT_MOST);
  }

  /** The text without secrets, should a foreign answer have repeated one. */
  hide(text: string): string {
    const password = this.#password;
    const encoded = Buffer.from(`${this.#user}:${password ?? ""}`, "utf8").toString("base64");
    const secrets = password === undefined ? this.#passes : [encoded, password, ...this.#passes];
    return secrets.reduce((hidden, secret) => hidden.replaceAll(secret, HIDDEN), text);
  }

  async #read(signal: AbortSignal): Promise<string> {
    this.#password ??= await readPassword(this.#source(), signal);
    return this.#password;
  }
}
