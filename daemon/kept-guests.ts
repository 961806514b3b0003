import { type Attributes, type Environment, environmentOf } from "../src/attributes.ts";
import type { EncryptedPasswords } from "./encrypted-passwords.ts";
import type { ResourceBook } from "./resource-book.ts";

/** What platforms ask of the guests that are kept. */
export interface KeptGuests {
  readonly environmentOf: (guest: string) => Environment;
  readonly infoOf: (guest: string) => Attributes["rhevmInfo"] | undefined;
  readonly encryptedPassword: (url: string, user: string, signal: AbortSignal) => Promise<string | undefined>;
  /** Whether the engine was told last that it runs here, or that it left or was suspended here on purpose. */
  readonly ranHereLast: (guest: string) => boolean;
}

/** Tells platforms what the book and the engine know. */
export function keptGuests(book: ResourceBook, passwords: EncryptedPasswords): KeptGuests {
  const registrationOf = (guest: string) => book.ofGuest(guest)[0]?.registration;
  return {
    environmentOf: (guest) => {
      const registration = registrationOf(guest);
      return registration === undefined ? "kvm" : environmentOf(registration.attributes);
    },
    infoOf: (guest) => registrationOf(guest)?.attributes.rhevmInfo,
    encryptedPassword: (url, user, signal) => passwords.of(url, user, signal),
    ranHereLast: (guest) => {
      const told = registrationOf(guest)?.lastAnswer?.state.kind;
      return told === "ONLINE" || told === "INTENTIONAL OFFLINE";
    },
  };
}
