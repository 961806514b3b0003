import type { RhevHost } from "./host-document.ts";
import { oneLine } from "./one-line.ts";

/** What of a foreign name is shown. */
const NAME_CHARACTERS = 80;

/** Whether a host has this id, name or address, whatever the case. */
export function isCalled({ id, name, address }: RhevHost, word: string): boolean {
  const wanted = word.toLowerCase();
  return [id, name, address].some((text) => text?.toLowerCase() === wanted);
}

/** A host's name, fit for a message. */
export function nameOfHost({ name }: RhevHost): string {
  return oneLine(name, NAME_CHARACTERS);
}
