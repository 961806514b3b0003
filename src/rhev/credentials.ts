import { type PasswordSource, readPassword } from "./password.ts";
import { formsOf } from "./secret-forms.ts";

/** Passes that the engine gave out and that are remembered for hide: a few, as a session seldom is renewed. */
const PASSES_AT_MOST = 4;

/** Former passwords that are remembered for hide. */
const PASSWORDS_AT_MOST = 2;

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
  /** Passwords that were in use before, newest first. */
  #former: readonly string[] = [];
  #passes: readonly string[] = [];

  /** @param source asked at each reading, so that a reload takes effect */
  constructor(user: string, source: () => PasswordSource) {
    this.#user = user;
    this.#source = source;
  }

  /** The header of Basic authentication. */
  async basic(signal: AbortSignal): Promise<string> {
    const password = await this.#read(signal);
    return `Basic ${this.#basicOf(password)}`;
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
    this.forget();
    return (await this.#read(signal)) !== before;
  }

  /** It is read anew at its next use; answers that are still to come may repeat the old one, which must not show either. */
  forget(): void {
    if (this.#password !== undefined)
      this.#former = [...new Set([this.#password, ...this.#former])].slice(0, PASSWORDS_AT_MOST);
    this.#password = undefined;
  }

  /** Remembers a session or token that must not show either. */
  keepSecret(pass: string): void {
    if (this.#passes.includes(pass)) return;
    this.#passes = [pass, ...this.#passes].slice(0, PASSES_AT_MOST);
  }

  /** The text without secrets, should a foreign answer have repeated one, in whatever form. */
  hide(text: string): string {
    const passwords = this.#password === undefined ? this.#former : [this.#password, ...this.#former];
    const secrets = [
      ...passwords.flatMap((password) => [this.#basicOf(password), password]),
      ...this.#passes,
    ];
    // the longest first: a shorter one may be a part of it
    const forms = [...new Set(secrets.flatMap(formsOf))].toSorted((one, other) => other.length - one.length);
    return forms.reduce((hidden, form) => hidden.replaceAll(form, HIDDEN), text);
  }

  #basicOf(password: string): string {
    return Buffer.from(`${this.#user}:${password}`, "utf8").toString("base64");
  }

  async #read(signal: AbortSignal): Promise<string> {
    this.#password ??= await readPassword(this.#source(), signal);
    return this.#password;
  }
}
