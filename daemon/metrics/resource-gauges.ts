import { Counter, Gauge, type Registry } from "prom-client";
import { environmentOf } from "../../src/attributes.ts";
import { monitorExitCode } from "../../src/resource-state.ts";
import type { ResourceBook, ResourceRecord } from "../resource-book.ts";
import { type StateWord, type ToldState, type ToldStates, toldState } from "./told-states.ts";

const STATES: readonly StateWord[] = ["online", "offline", "intentional_offline", "unknown"];

const LABELS = ["resource", "guest"] as const;

interface ResourceSources {
  readonly book: Pick<ResourceBook, "all">;
  readonly told: ToldStates;
}

/** Registers what is told of each resource. Everything is taken from memory when it is asked for, and not before. */
export function registerResources(registry: Registry, { book, told }: ResourceSources): void {
  const gauge = (name: string, help: string, valueOf: (record: ResourceRecord) => number | undefined) =>
    registry.registerMetric(
      new Gauge({
        name: `vcskvmguestd_resource_${name}`,
        help,
        labelNames: LABELS,
        registers: [],
        collect() {
          this.reset();
          for (const record of book.all()) {
            const value = valueOf(record);
            if (value !== undefined) this.set(labelsOf(record), value);
          }
        },
      }),
    );
  const toldOf = (record: ResourceRecord) => told.get(record.registration.resource) ?? keptState(record);

  registerStates(registry, book, toldOf);
  registerUnknown(registry, book, told);
  gauge(
    "confidence_ratio",
    "Confidence of an ONLINE that the engine was told last, 0.1 to 1; 0 for every other state.",
    (record) => toldOf(record)?.confidence,
  );
  gauge(
    "state_start_timestamp_seconds",
    "When the engine was told first, by this process, the state that it was told last; unixtime.",
    (record) => toldOf(record)?.sinceS,
  );
  gauge(
    "reading_timestamp_seconds",
    "When the follower read the guest last; unixtime. Not of one that nobody watches since the engine's agent ended.",
    ({ registration, lastReading }) =>
      registration.watched && lastReading !== undefined ? lastReading.at.getTime() / 1000 : undefined,
  );
  gauge("operation_running", "1 while an entry point works on the guest, else 0.", ({ operation }) =>
    operation === undefined ? 0 : 1,
  );
  gauge(
    "heartbeat_lost",
    "1 while the guest's agent, once heard, is silent for too long, else 0. Only with CEInfo.",
    ({ registration, heartbeat }) => {
      if (!registration.attributes.ceInfo.enabled) return undefined;
      return heartbeat.phase === "lost" ? 1 : 0;
    },
  );
}

function registerStates(
  registry: Registry,
  book: ResourceSources["book"],
  toldOf: (record: ResourceRecord) => Pick<ToldState, "state"> | undefined,
): void {
  registry.registerMetric(
    new Gauge({
      name: "vcskvmguestd_resource_state",
      help: "1 for the state that the engine was told last, 0 for the others; all 0 before the first monitor.",
      labelNames: [...LABELS, "state"],
      registers: [],
      collect() {
        this.reset();
        for (const record of book.all()) {
          const now = toldOf(record)?.state;
          for (const state of STATES) this.set({ ...labelsOf(record), state }, state === now ? 1 : 0);
        }
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: "vcskvmguestd_resource_info",
      help: "1 for each resource that is kept; environment is kvm or rhev.",
      labelNames: [...LABELS, "environment"],
      registers: [],
      collect() {
        this.reset();
        for (const record of book.all()) {
          const environment = environmentOf(record.registration.attributes);
          this.set({ ...labelsOf(record), environment }, 1);
        }
      },
    }),
  );
}

function registerUnknown(registry: Registry, book: ResourceSources["book"], told: ToldStates): void {
  registry.registerMetric(
    new Counter({
      name: "vcskvmguestd_resource_unknown_seconds_total",
      help: "Seconds for which the engine was left with UNKNOWN.",
      labelNames: LABELS,
      registers: [],
      collect() {
        this.reset();
        told.keepOnly(new Set(book.all().map(({ registration }) => registration.resource)));
        for (const record of book.all())
          this.inc(labelsOf(record), told.get(record.registration.resource)?.unknownS ?? 0);
      },
    }),
  );
}

/** What an earlier process told. */
function keptState({ registration }: ResourceRecord): ToldState | undefined {
  const last = registration.lastAnswer;
  if (last === undefined) return undefined;
  return { ...toldState(monitorExitCode(last.state)), sinceS: undefined, unknownS: 0 };
}

function labelsOf({ registration }: ResourceRecord): { readonly resource: string; readonly guest: string } {
  return { resource: registration.resource, guest: registration.attributes.guestName };
}
