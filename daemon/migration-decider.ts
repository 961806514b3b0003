import { messageOf } from "../src/agent-error.ts";
import { type Beats, SLACK_MS } from "../src/beat.ts";
import { pause, withDeadline } from "../src/deadline.ts";
import type { Log } from "../src/log.ts";
import { isContradicted, type MigrationEnd, type MigrationRecord } from "../src/migration.ts";
import type { Platform, Reading } from "../src/platform.ts";
import { guestKey } from "../src/resource.ts";
import type { GuestQueue } from "./guest-queue.ts";
import type { MigrationBook } from "./migration-book.ts";
import type { ResourceBook } from "./resource-book.ts";

/** Both ends are read within this, and what is proved dead is ended. */
const DECIDE_MS = 30_000;

const UNDECIDED: ReadonlySet<MigrationRecord["kind"]> = new Set(["moving", "stuck", "doubtful"]);

/** Migrations whose abort was tried: it is told once, and tried at each look. */
type Tried = WeakSet<MigrationRecord>;

export interface DeciderParts {
  readonly platform: Platform;
  readonly book: ResourceBook;
  readonly migrations: MigrationBook;
  readonly queue: GuestQueue;
  /** milliseconds between two looks; read at each cycle */
  readonly intervalMs: () => number;
  readonly look: (guest: string) => void;
  readonly log: Log;
}

/**
 * Comes back to migrations whose end is not known, one after another, until both ends tell: those that an earlier process
 * began, those where an end could not be read, and those of guests that stand still since the hand-over.
 *
 * @param signal ends it
 */
export async function decideMigrations(
  parts: DeciderParts,
  beats: Beats,
  signal: AbortSignal,
): Promise<void> {
  const tried: Tried = new WeakSet();
  const beat = beats("migration decider");
  while (!signal.aborted) {
    for (const guest of standingStill(parts)) {
      beat.within(DECIDE_MS + SLACK_MS);
      await suspect(parts, guest, signal);
    }
    for (const record of parts.migrations.all()) {
      beat.within(DECIDE_MS + SLACK_MS);
      if (UNDECIDED.has(record.kind)) await decide(parts, record, tried, signal);
      else if (seemsContradicted(parts, record)) await verifyDeparture(parts, record, signal);
    }
    beat.within(parts.intervalMs() + SLACK_MS);
    await pause(parts.intervalMs(), signal);
  }
  beat.end();
}

/** By what was read last, which may be old: it is read again before anything is decided. */
function seemsContradicted({ book }: DeciderParts, record: MigrationRecord): boolean {
  return book
    .ofGuest(record.guest)
    .some(({ lastReading }) => lastReading !== undefined && isContradicted(record, lastReading.reading));
}

/** Guests that stand still here as after the hand-over of a migration, of which nothing is recorded. */
function standingStill({ book, migrations }: DeciderParts): readonly string[] {
  return book
    .all()
    .filter(({ lastReading }) => isStandstill(lastReading?.reading))
    .map(({ registration }) => registration.attributes.guestName)
    .filter((guest) => migrations.get(guest) === undefined);
}

function isStandstill(reading: Reading | undefined): boolean {
  return reading?.moved === "stuck" || reading?.moved === "split";
}

/** In the last moment of a good migration a guest stands still too: it is looked at once more. */
async function suspect(
  { book, migrations, platform, log }: DeciderParts,
  guest: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    const reading = await platform.read(guest, signal);
    const isKept = book.ofGuest(guest).length > 0;
    if (isKept && isStandstill(reading)) await migrations.suspect(guest, reading.uuid);
  } catch (error) {
    log.debug({ guest, reason: messageOf(error) }, "guest that stands still cannot be read now");
  }
}

async function decide(
  parts: DeciderParts,
  record: MigrationRecord,
  tried: Tried,
  signal: AbortSignal,
): Promise<void> {
  const { migrations, platform, log } = parts;
  const { guest, uuid, peer } = record;
  await inTurnOf(parts, record, signal, async (isCurrent, limit) => {
    const end = await platform.whereIs(guest, record, limit);
    if (end === undefined && isCurrent()) return abortIfOverdue(parts, record, tried, limit);
    if (end === undefined || !isCurrent() || isSame(record, end)) return;
    if (record.kind === "stuck" && end.kind === "doubtful" && end.isNowhere !== true)
      return noteUnread(parts, record, end.isUnread);
    await migrations.end(guest, uuid, peer, end);
    if (end.kind === "doubtful") return;
    log.info({ guest, peer, end: end.kind, reason: end.why }, "end of a migration is known");
    parts.look(guest);
  });
}

/** As long as both ends can be read and nothing speaks against it, one that stands still is what it seems to be. */
function noteUnread(
  { migrations, look }: DeciderParts,
  record: MigrationRecord,
  isUnread: true | undefined,
): void {
  if (record.isUnread === isUnread) return;
  migrations.sought(record, isUnread);
  look(record.guest);
}

/**
 * Looks for a guest that left, and of which an emulator has ended here since. Only where every other host was read and none
 * of them runs it, or says that it ended there, has it come back and ended here.
 */
async function verifyDeparture(
  parts: DeciderParts,
  record: MigrationRecord,
  signal: AbortSignal,
): Promise<void> {
  const { migrations, platform, log } = parts;
  const { guest, uuid } = record;
  await inTurnOf(parts, record, signal, async (isCurrent, limit) => {
    const reading = await platform.read(guest, limit);
    if (!isContradicted(record, reading)) return;
    const end = await platform.whereIs(guest, { uuid, peer: undefined, endedHere: true }, limit);
    if (!isCurrent() || end === undefined || end.kind === "doubtful") return;
    if (end.kind === "lost" && end.endedOn === undefined) {
      log.info({ guest, reason: end.why }, "guest came back and ended here, its migration record is dropped");
      await migrations.forget(guest);
    } else migrations.confirm(record, reading.endedHere);
    parts.look(guest);
  });
}

/** Works on a record in the guest's turn, while it is in force; what goes wrong is tried again at the next cycle. */
async function inTurnOf(
  { book, migrations, queue, log }: DeciderParts,
  record: MigrationRecord,
  signal: AbortSignal,
  work: (isCurrent: () => boolean, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { guest } = record;
  const resources = book.ofGuest(guest);
  const [resource] = resources;
  // a guest that nobody keeps yet keeps its doubt; an operation at work decides for itself, and is not waited for
  if (resource === undefined || resources.some(({ operation }) => operation !== undefined)) return;
  const isCurrent = () => migrations.get(guest) === record && !signal.aborted;
  const look = async (limit: AbortSignal) => {
    if (isCurrent()) await work(isCurrent, limit);
  };
  try {
    await withDeadline(DECIDE_MS, `deciding where guest ${guest} is`, [signal], (limit) =>
      queue.run(
        guestKey(resource.registration.attributes),
        { name: "deciding a migration", takesOver: false, work: look },
        limit,
      ),
    );
  } catch (error) {
    log.debug({ guest, reason: messageOf(error) }, "migration cannot be decided now");
  }
}

/**
 * Ends a migration of this agent whose request is gone: it went with an earlier process, or before an abort succeeded. What
 * becomes of it the next look finds out.
 */
async function abortIfOverdue(
  { platform, log }: DeciderParts,
  record: MigrationRecord,
  tried: Tried,
  signal: AbortSignal,
): Promise<void> {
  const { guest, uuid, peer, asked } = record;
  if (asked === undefined || Date.now() < Date.parse(asked.abortAt)) return;
  const isFirst = !tried.has(record);
  try {
    if (!(await platform.abortOverdue(guest, { uuid, peer, asked }, signal))) return;
    if (isFirst) log.warn({ guest, target: peer }, "migration is aborted");
  } catch (error) {
    if (isFirst) log.warn({ guest, target: peer, err: error }, "migration could not be aborted");
  }
  tried.add(record);
}

/** A doubt that lasts for the same reason is not written again and again. */
function isSame({ kind, why }: MigrationRecord, end: MigrationEnd): boolean {
  return kind === "doubtful" && end.kind === "doubtful" && why === end.why;
}
