import type { FactSources } from "../../../daemon/answer-facts.ts";
import { ARRIVAL_MS, Arrivals } from "../../../daemon/arrivals.ts";
import { MigrationBook } from "../../../daemon/migration-book.ts";
import type { Engine } from "../../../src/engine.ts";
import type { Log } from "../../../src/log.ts";
import { MemoryMigrations } from "./memory-migrations.ts";

/** What tests need for it; whatever is left out is a fresh one. */
export interface FactSourcesParts {
  readonly engine: Pick<Engine, "onlineElsewhere">;
  readonly log: Log;
  readonly store?: MemoryMigrations;
  readonly onOver?: (resource: string) => void;
  readonly signal?: AbortSignal;
}

/** The product's own books of what is known beside readings, over memory. */
export function factSources(parts: FactSourcesParts): FactSources {
  const { engine, log, store = new MemoryMigrations(), onOver = () => undefined } = parts;
  const signal = parts.signal ?? new AbortController().signal;
  return {
    migrations: new MigrationBook(store, "this boot", log),
    arrivals: new Arrivals({ engine, atMostMs: () => ARRIVAL_MS.kvm, onOver, log }, signal),
  };
}
