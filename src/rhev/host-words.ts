import type { RhevHost } from "./host-document.ts";
import { oneLine } from "./one-line.ts";

/** What of a foreign name is shown. */
const NAME_CHARACTERS = 80;

/** A host's name, fit for a message. */
export function nameOfHost({ name }: RhevHost): string {
  return oneLine(name, NAME_CHARACTERS);
}
