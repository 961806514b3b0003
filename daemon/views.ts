import type { GuestAnswer, WhyAnswer } from "../ipc/answers.ts";
import type { JsonValue } from "../ipc/protocol.ts";
import type { Views } from "../ipc/views.ts";
import { type Answer, answerOf } from "../src/answer.ts";
import { tuplesOf } from "../src/attribute-tuples.ts";
import { environmentOf } from "../src/attributes.ts";
import type { Platform } from "../src/platform.ts";
import { monitorExitCode, type ResourceState, sameState, stateText, UNKNOWN } from "../src/resource-state.ts";
import { answerFacts, type FactSources } from "./answer-facts.ts";
import type { HeartbeatSettings } from "./heartbeats.ts";
import type { Journal, JournalEntry } from "./journal.ts";
import { outlookOf } from "./outlook.ts";
import type { Prober } from "./prober.ts";
import type { ResourceBook, ResourceRecord } from "./resource-book.ts";
import { LIBVIRT, type SourceStates } from "./source-states.ts";

/** Entries of all guests together that are shown at once. */
const HISTORY_AT_MOST = 5000;

/** What the views are made of. */
export interface ViewParts extends FactSources {
  readonly book: ResourceBook;
  readonly platform: Pick<Platform, "events">;
  readonly sources: SourceStates;
  readonly prober: Pick<Prober, "pending">;
  readonly journal: Journal;
  readonly heartbeat: () => HeartbeatSettings;
  /** Whether guests that a failed disk paused are resumed by themselves. */
  readonly areStalledResumed: () => boolean;
  readonly intervalMs: () => number;
}

/** What operators may read of the daemon, from memory. */
export function createViews(parts: ViewParts): Omit<Views, "metrics"> {
  const { book, sources, journal } = parts;
  const since = new Date().toISOString();
  return {
    health: () => {
      const { [LIBVIRT]: libvirt = "not connected", ...managers } = Object.fromEntries(sources);
      return { status: "ok", libvirt, managers, resources: book.all().length };
    },
    guests: () => book.all().map(guestView),
    guest: (name) => book.ofGuest(name).map(guestView)[0],
    why: (name) => {
      const records = book.ofGuest(name);
      return records.length === 0 ? undefined : whyView(parts, name, records, since);
    },
    history: () => ({ since, events: journal.all().slice(-HISTORY_AT_MOST).map(eventView) }),
    attributes: (resource) => {
      const record = book.get(resource);
      return record === undefined ? undefined : tuplesOf(record.registration.attributes);
    },
    subscribe: (listener) => subscribe(parts, listener),
  };
}

function subscribe({ platform, journal }: ViewParts, listener: (event: JsonValue) => void): () => void {
  const changed = (guest: string) => listener({ event: "changed", guest });
  const connected = (source: string) => listener({ event: "connected", source });
  const lost = (source: string, reason: string) => listener({ event: "lost", source, reason });
  platform.events.on("changed", changed);
  platform.events.on("connected", connected);
  platform.events.on("lost", lost);
  const leave = journal.subscribe((entry) => listener({ event: "noted", ...eventView(entry) }));
  return () => {
    platform.events.off("changed", changed);
    platform.events.off("connected", connected);
    platform.events.off("lost", lost);
    leave();
  };
}

function guestView(record: ResourceRecord): GuestAnswer {
  const { registration, operation, lastReading, unknownTold, heartbeat, migration } = record;
  const { resource, attributes, watched, stopping, lastAnswer } = registration;
  return {
    resource,
    guest: attributes.guestName,
    environment: environmentOf(attributes),
    watched,
    stopping,
    operation: operation ?? null,
    migration: migration === undefined ? null : { ...migration },
    told: unknownTold ? "UNKNOWN" : lastAnswer === undefined ? null : stateText(lastAnswer.state),
    answer: answerView(record),
    heartbeat: attributes.ceInfo.enabled ? heartbeat.phase : null,
    reading:
      lastReading === undefined
        ? null
        : {
            ...stateView(lastReading.reading.state),
            reason: lastReading.reading.reason,
            source: lastReading.reading.source,
            uuid: lastReading.reading.uuid ?? null,
            ...momentView(lastReading.at),
          },
  };
}

/** What the engine was told last; what an earlier process told has lost its reason. */
function answerView({ registration, unknownTold, lastTold }: ResourceRecord): GuestAnswer["answer"] {
  const state = unknownTold ? UNKNOWN : registration.lastAnswer?.state;
  if (state === undefined) return null;
  const told = { ...stateView(state), code: monitorExitCode(state) };
  if (lastTold === undefined || !sameState(lastTold.answer.state, state))
    return { ...told, reason: null, source: null, at: null, ageS: null };
  const { answer, source, at } = lastTold;
  return { ...told, reason: answer.reason, source: source ?? null, ...momentView(at) };
}

function whyView(
  parts: ViewParts,
  guest: string,
  records: readonly ResourceRecord[],
  since: string,
): WhyAnswer {
  const { journal, migrations } = parts;
  const resources = records.map((record) => ({ ...guestView(record), next: [...nextOf(parts, record)] }));
  const own = journal.ofGuest(
    guest,
    records.map(({ registration }) => registration.resource),
  );
  const events = [...own, ...journal.ofHost()].toSorted((one, other) => one.seq - other.seq);
  const record = migrations.get(guest);
  return {
    guest,
    since,
    migrationRecord:
      record === undefined
        ? null
        : { kind: record.kind, at: record.at, peer: record.peer ?? null, why: record.why ?? null },
    resources,
    events: events.map(eventView),
  };
}

function nextOf(parts: ViewParts, record: ResourceRecord): readonly string[] {
  const { registration, lastReading, operation, unknownTold, heartbeat, awaited, onlineUntil } = record;
  const { resource, attributes } = registration;
  const nowMs = performance.now();
  const reading = lastReading?.reading;
  return outlookOf({
    registration,
    operation,
    ...dueOf(parts, record),
    isUnknownTold: unknownTold,
    probe: parts.prober.pending(resource),
    isEndAwaited: awaited?.online === false,
    awaitedMs: Math.max(0, (awaited?.until ?? 0) - nowMs),
    onlineMs: reading?.active === true ? Math.max(0, onlineUntil - nowMs) : 0,
    migration: parts.migrations.get(attributes.guestName),
    heartbeat,
    limits: parts.heartbeat(),
    nowMs,
    stalled: reading?.stalled !== true ? "no" : parts.areStalledResumed() ? "resumed" : "left alone",
    readEveryMs: parts.intervalMs(),
  });
}

/** A monitor that was told UNKNOWN since the last reading knows more than that reading. */
function dueOf(
  parts: ViewParts,
  record: ResourceRecord,
): { readonly due: Answer | undefined; readonly dueAgeMs: number } {
  const { lastReading, lastTold, unknownTold } = record;
  if (unknownTold && lastTold !== undefined && (lastReading === undefined || lastReading.at < lastTold.at))
    return { due: lastTold.answer, dueAgeMs: 0 };
  if (lastReading === undefined) return { due: undefined, dueAgeMs: 0 };
  const { reading, at } = lastReading;
  const due = answerOf(reading, answerFacts(parts, record, reading));
  return { due, dueAgeMs: Date.now() - at.getTime() };
}

function stateView(state: ResourceState): { readonly state: string; readonly confidence: number | null } {
  return { state: stateText(state), confidence: state.kind === "ONLINE" ? state.confidence : null };
}

function momentView(at: Date): { readonly at: string; readonly ageS: number } {
  return { at: at.toISOString(), ageS: Math.max(0, Math.round((Date.now() - at.getTime()) / 100) / 10) };
}

function eventView({ seq, at, level, what, resource, guest, fields, times, lastAt }: JournalEntry) {
  return {
    seq,
    at,
    level,
    what,
    resource: resource ?? null,
    guest: guest ?? null,
    fields: { ...fields },
    times,
    lastAt,
  };
}
