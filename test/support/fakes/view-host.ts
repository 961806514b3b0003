import type { FactSources } from "../../../daemon/answer-facts.ts";
import { Journal } from "../../../daemon/journal.ts";
import { Prober } from "../../../daemon/prober.ts";
import { ResourceBook } from "../../../daemon/resource-book.ts";
import { sourceStates } from "../../../daemon/source-states.ts";
import { createViews } from "../../../daemon/views.ts";
import type { Views } from "../../../ipc/views.ts";
import type { Log } from "../../../src/log.ts";
import { factSources } from "./fact-sources.ts";
import { FakeEngine } from "./fake-engine.ts";
import { FakePlatform } from "./fake-platform.ts";
import { MemoryStore } from "./memory-store.ts";
import { RecordingLog } from "./recording-log.ts";

/** The product's views over its own book and journal, and a fake platform. */
export class ViewHost {
  readonly platform = new FakePlatform();
  readonly engine = new FakeEngine();
  readonly journal = new Journal();
  readonly log: Log = this.journal.over(new RecordingLog());
  readonly book = new ResourceBook(new MemoryStore(), this.log);
  readonly facts: FactSources = factSources({ engine: this.engine, log: this.log });
  readonly prober = new Prober(this.engine, this.log, new AbortController().signal);
  readonly views: Views = {
    ...createViews({
      ...this.facts,
      book: this.book,
      platform: this.platform,
      sources: sourceStates(this.platform),
      prober: this.prober,
      journal: this.journal,
      heartbeat: () => ({ intervalMs: 20_000, timeoutS: 5, misses: 3, lossMs: 60_000 }),
      areStalledResumed: () => false,
      intervalMs: () => 5000,
    }),
    metrics: () => Promise.resolve({ type: "text/plain", body: "" }),
  };
}
