import { type PasswordSource, readPassword } from "./password.ts";

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

  /** The text without the password, should a foreign answer have repeated it. */
  hide(text: string): string {
    const password = this.#password;
    if (password === undefined) return text;
    const encoded = Buffer.from(`${this.#user}:${password}`, "utf8").toString("base64");
    return text.replaceAll(encoded, HIDDEN).replaceAll(password, HIDDEN);
  }

  async #read(signal: AbortSignal): Promise<string> {
    this.#password ??= await readPassword(this.#source(), signal);
    return this.#password;
  }
}
