import type { World } from "./world.ts";

/** What a sentence does; the words are what its parentheses matched. */
type Deed = (world: World, words: readonly string[]) => Promise<void> | void;

/** A sentence of scenarios. */
export type Sentence = readonly [pattern: RegExp, deed: Deed];
