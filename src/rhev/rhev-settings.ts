import type { RhevmSettings, Trust } from "./settings.ts";

/** How engines are reached, whichever a resource names. */
export interface RhevSettings {
  readonly auth: RhevmSettings["auth"];
  readonly trust: Trust;
  readonly connectMs: number;
  readonly answerMs: number;
  /** Where passwords come from. */
  readonly password: PasswordOrigin;
  /** How RHEV-M names this host, where the configuration says so. */
  readonly host: string | undefined;
  /** The host of RHEV-M that a system of the cluster is, where the configuration says so: name, address or id. */
  readonly hostOf: (system: string) => string | undefined;
}

/** As PasswordSource, without what differs from resource to resource. */
export type PasswordOrigin =
  | { readonly kind: "command"; readonly command: readonly [program: string, ...args: string[]] }
  | { readonly kind: "credential"; readonly directory: string | undefined; readonly name: string }
  | { readonly kind: "file"; readonly path: string };
