import { AgentError, hasCode } from "../src/agent-error.ts";
import { type Attributes, environmentOf } from "../src/attributes.ts";
import { networkSettingOf } from "../src/dr-network.ts";
import type { Engine } from "../src/engine.ts";
import { currentAttributes, isEngineSilent, warnOfShortDelays } from "../src/entry-points/attr-changed.ts";
import { clean, ranHere } from "../src/entry-points/clean.ts";
import type { GuestContext, StopResult } from "../src/entry-points/context.ts";
import { saveDefinition, takeDefinition } from "../src/entry-points/definition-copy.ts";
import { monitor } from "../src/entry-points/monitor.ts";
import { offline } from "../src/entry-points/offline.ts";
import { online } from "../src/entry-points/online.ts";
import { UNARMED } from "../src/heartbeat.ts";
import type { Log } from "../src/log.ts";
import type { Platform, Reading } from "../src/platform.ts";
import { guestKey } from "../src/resource.ts";
import { monitorExitCode, stateText } from "../src/resource-state.ts";
import { answerFacts, type FactSources, lastAnswerOf, lastBeforeArrival } from "./answer-facts.ts";
import type { DevScans } from "./dev-scans.ts";
import type { EncryptedPasswords } from "./encrypted-passwords.ts";
import type { GuestQueue } from "./guest-queue.ts";
import type { ResourceBook, ResourceRecord } from "./resource-book.ts";
import { withResync } from "./resync.ts";
import { mayBeNeededElsewhere, refuseIfNeededElsewhere, refuseIfUndecided } from "./undecided.ts";
import { forgetIfUnkept } from "./unkept-guest.ts";

/** The hypervisor's share of a monitor's time; the rest is for other proof. */
const HYPERVISOR_SHARE = 0.6;

/** The framework's own monitor after an operation comes within this, or is asked for. */
const MONITOR_MS = 10_000;

/** What operations on guests need. */
export interface OperationParts extends FactSources {
  readonly platform: Platform;
  readonly engine: Engine;
  readonly book: ResourceBook;
  readonly queue: GuestQueue;
  readonly systems: Systems;
  readonly passwords: Pick<EncryptedPasswords, "note" | "forget">;
  /** Has the guest looked at: what happened to it during an operation was left to the operation. */
  readonly look: (guest: string) => void;
  /** Hears the exit code of each monitor: what the engine was told, it need not be asked to find out. */
  readonly told: (resource: string, code: number) => void;
  /** Brings the SPM of RHEV-M to this cluster. */
  readonly devScans: Pick<DevScans, "ask">;
}

/** What is known of the systems of the cluster. */
interface Systems {
  /** The name of this one. */
  own(): string;
  /** The site of a system; undefined where no sites are configured, or it is in none. */
  siteOf(system: string): string | undefined;
}

/** One call of an entry point that concerns one resource. */
export interface Call {
  readonly record: ResourceRecord;
  readonly attributes: Attributes;
  readonly budgetMs: number;
  /** An operator asks, not the engine: what it answers, the engine is not told. */
  readonly isByHand: boolean;
  readonly log: Log;
}

/** What goes back to the framework, and what of it belongs into the log. */
export interface Result {
  readonly exitCode: number;
  readonly fields?: object;
}

/** Answers a monitor beside whatever runs for the guest. */
export async function runMonitor(parts: OperationParts, call: Call, signal: AbortSignal): Promise<Result> {
  const { record } = call;
  const { answer, reading } = await monitor(
    {
      ...contextOf(parts, call),
      facts: (reading) => answerFacts(parts, record, reading),
      refresh: () => parts.arrivals.hasten(record.registration.resource),
      note: (reading) => noteReading(parts, record, reading),
      epoch: () => record.epoch,
      patienceMs: call.budgetMs * HYPERVISOR_SHARE,
    },
    signal,
  );
  const fields = { state: stateText(answer.state), reason: answer.reason };
  const exitCode = monitorExitCode(answer.state);
  // nobody was told anything when the shim went away; at the deadline it was told UNKNOWN
  if (signal.aborted && !hasCode(signal.reason, "TIMED_OUT")) return { exitCode, fields };
  if (call.isByHand) return { exitCode, fields };
  record.lastTold = { answer, source: reading?.source, at: new Date() };
  const told = parts.book.told(record, lastAnswerOf(record, answer, reading));
  // an outage of an hour is two lines, not one for each monitor
  if (told.isNews && answer.state.kind === "UNKNOWN")
    call.log.warn(fields, "guest state cannot be determined");
  else if (told.isNews) call.log.info({ ...fields, from: told.before }, "engine is told a new state");
  parts.told(record.registration.resource, exitCode);
  return { exitCode, fields };
}

/** What a reading shows beyond its state is kept for a later process, before the engine acts on it. */
async function noteReading(parts: OperationParts, record: ResourceRecord, reading: Reading): Promise<void> {
  parts.book.learn(record, reading);
  await parts.migrations.note(record.registration.attributes.guestName, reading);
  parts.arrivals.note(record.registration.resource, reading, lastBeforeArrival(record));
}

/** Starts the guest, and from then on takes its end within the configured delay as a failed online. */
export async function runOnline(parts: OperationParts, call: Call, signal: AbortSignal): Promise<Result> {
  const { record, attributes } = call;
  const exitCode = await operate(parts, call, "online", signal, async (inTurn) => {
    await refuseIfUndecided(parts, attributes.guestName, "started", inTurn);
    await parts.book.change(record, { stopping: false });
    return withResync(parts.engine, call, (onResynced) => onlineDurably(parts, call, onResynced, inTurn));
  });
  parts.arrivals.forget(record.registration.resource);
  record.onlineUntil = performance.now() + attributes.delayAfterGuestOnlineS * 1000;
  awaitMonitor(call, true, exitCode * 1000);
  parts.look(attributes.guestName);
  return { exitCode };
}

/**
 * Whatever becomes of this process, the next one knows that a start may still happen. With a start, whatever becomes of it,
 * what is recorded of an earlier migration is over.
 */
async function onlineDurably(
  parts: OperationParts,
  call: Call,
  onResynced: () => void,
  signal: AbortSignal,
): Promise<number> {
  const { record, attributes } = call;
  const { resource, saved: savedRecord } = record.registration;
  const start = { wasAsked: false };
  const answered = async () => {
    if (record.registration.starting) await parts.book.change(record, { starting: false });
  };
  const onStarting = () => {
    record.heartbeat = UNARMED;
    start.wasAsked = true;
    return parts.book.change(record, { starting: true });
  };
  try {
    const lastOnline = (limit: AbortSignal) => parts.engine.lastOnline(resource, limit);
    const site = parts.systems.siteOf(parts.systems.own());
    const context = { ...contextOf(parts, call), site, onStarting, onResynced, savedRecord, lastOnline };
    const exitCode = await online(context, signal);
    await answered();
    return exitCode;
  } catch (error) {
    if (!hasCode(error, "CANCELLED", "TIMED_OUT", "PLATFORM_DOWN")) await answered();
    throw error;
  } finally {
    if (start.wasAsked) await parts.migrations.forget(attributes.guestName);
  }
}

/** Asks the guest to stop and waits for it. */
export function runOffline(parts: OperationParts, call: Call, signal: AbortSignal): Promise<Result> {
  return stop(parts, call, { name: "offline", ranHere: false }, signal, (inTurn) =>
    offline(
      {
        ...contextOf(parts, call),
        refuseIfUndecided: (limit) => refuseIfUndecided(parts, call.attributes.guestName, "resumed", limit),
      },
      inTurn,
    ),
  );
}

/** Ends the guest by force, and with it whatever else runs for it. */
export function runClean(
  parts: OperationParts,
  call: Call,
  reason: number | undefined,
  signal: AbortSignal,
): Promise<Result> {
  const until = performance.now() + call.budgetMs;
  return stop(parts, call, { name: "clean", ranHere: ranHere(reason) }, signal, async (inTurn) => {
    const { guestName } = call.attributes;
    const last = call.record.lastReading?.reading;
    if (mayBeNeededElsewhere(parts, guestName, last))
      await refuseIfNeededElsewhere(parts, guestName, last, inTurn);
    return clean(
      { ...contextOf(parts, call), startMayBePending: call.record.registration.starting },
      reason,
      Math.max(0, until - performance.now()), // it may have waited for what it took over
      inTurn,
    );
  });
}

/** Takes over changed attributes between two operations, then checks the environment they describe. */
export async function runAttrChanged(
  parts: OperationParts,
  call: Call,
  attribute: string,
  signal: AbortSignal,
): Promise<Result> {
  const { record, log } = call;
  const { resource } = record.registration;
  let attributes = call.attributes;
  try {
    attributes = await currentAttributes(parts.engine, resource, signal);
  } catch (error) {
    if (!isEngineSilent(error)) throw error;
    log.warn(
      { attribute, err: error },
      "engine does not tell the attributes, the ones of the last request serve",
    );
  }
  await operate(parts, call, "attr_changed", signal, async () => {
    const before = record.registration.attributes.guestName;
    await parts.book.adopt(record, attributes);
    await forgetIfUnkept(parts, before);
  });
  warnOfShortDelays(attributes, log);
  refuseMixedEnvironments(parts.book, resource, attributes);
  networkSettingOf(resource, attributes);
  parts.passwords.forget(attributes);
  const findings = await parts.platform.validate(attributes, signal);
  for (const { level, text } of findings)
    log[level]({ attribute, finding: text }, "environment of the resource");
  if (findings.length === 0) log.info({ attribute }, "attributes are in force");
  return { exitCode: 0 };
}

/**
 * A guest is known by its name, so one name cannot mean a guest of each environment on one host.
 *
 * @throws {AgentError} BAD_ATTRIBUTE naming the other resource
 */
export function refuseMixedEnvironments(
  book: Pick<ResourceBook, "ofGuest">,
  resource: string,
  attributes: Attributes,
): void {
  const { guestName } = attributes;
  const other = book
    .ofGuest(guestName)
    .map(({ registration }) => registration)
    .find((one) => one.resource !== resource && environmentOf(one.attributes) !== environmentOf(attributes));
  if (other === undefined) return;
  throw new AgentError(
    "BAD_ATTRIBUTE",
    `resource ${resource}: GuestName = "${guestName}": resource ${other.resource} has a guest of this name with another RHEVMInfo.Enabled`,
  );
}

/** From here until the emulator is proved gone, no answer hides it. */
async function stop(
  parts: OperationParts,
  call: Call,
  { name, ranHere: surely }: { readonly name: "offline" | "clean"; readonly ranHere: boolean },
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<StopResult>,
): Promise<Result> {
  const { record } = call;
  record.onlineUntil = 0;
  const ran = surely || record.registration.lastAnswer?.state.kind === "ONLINE";
  const { stopped } = await operate(parts, call, name, signal, async (inTurn) => {
    await parts.book.change(record, { stopping: true });
    const context = contextOf(parts, call);
    const definition = await takeDefinition(context, ran, call.budgetMs, inTurn);
    const result = await work(inTurn);
    if (!result.stopped) return result;
    record.heartbeat = UNARMED; // the next start owes nothing to this one
    await stopEnded(parts, call, name);
    await saveDefinition(context, definition, call.budgetMs, inTurn);
    return result;
  });
  awaitMonitor(call, false);
  return { exitCode: 0, fields: { stopped } };
}

/**
 * Only clean brings out a start that libvirt has not answered, and what it ended is not gone on with. That the guest left
 * is over with it. A doubt is not: that the guest is stopped here says nothing of the other host; and what was read of that
 * host stays true.
 */
async function stopEnded(
  { book, migrations }: OperationParts,
  { record, attributes }: Call,
  name: "offline" | "clean",
): Promise<void> {
  const stopped = { stopping: false, emulator: undefined };
  const cleaned = { ...stopped, starting: false, saved: undefined };
  await book.change(record, name === "clean" ? cleaned : stopped);
  const { guestName } = attributes;
  const kind = migrations.get(guestName)?.kind;
  if (kind === "left" || kind === "stuck") await migrations.forget(guestName);
}

/** Runs work in the guest's turn, as the operation that its resource shows. */
export async function operate<T>(
  { queue }: Pick<OperationParts, "queue">,
  { record, attributes, log }: Pick<Call, "record" | "attributes" | "log">,
  name: string,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return queue.run(
    guestKey(attributes),
    {
      name,
      takesOver: name === "clean",
      work: async (inTurn) => {
        record.operation = name;
        log.debug({ operation: name }, "operation on the guest begins");
        try {
          return await work(inTurn);
        } finally {
          record.operation = undefined;
          record.epoch += 1;
        }
      },
    },
    signal,
  );
}

/**
 * The framework follows its operation with a monitor: what that will tell is not asked for until then. After an operator's
 * it does not, so it is asked at once.
 *
 * @param delayMs how long the framework was told to wait before
 */
export function awaitMonitor({ record, isByHand }: Call, online: boolean, delayMs = 0): void {
  if (!isByHand) record.awaited = { online, until: performance.now() + delayMs + MONITOR_MS };
}

/** What an entry point works with. */
export function contextOf({ platform }: OperationParts, { record, attributes, log }: Call): GuestContext {
  return { resource: record.registration.resource, attributes, platform, log };
}
