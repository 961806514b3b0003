import { messageOf } from "../src/agent-error.ts";
import { pause, withDeadline } from "../src/deadline.ts";
import type { Log } from "../src/log.ts";
import type { MigrationRecord } from "../src/migration.ts";
import type { Platform } from "../src/platform.ts";
import { guestKey } from "../src/resource.ts";
import type { GuestQueue } from "./guest-queue.ts";
import type { MigrationBook } from "./migration-book.ts";
import type { ResourceBook } from "./resource-book.ts";

/** Both ends are read within this, and what is proved dead is ended. */
const DECIDE_MS = 30_000;

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
 * began, and those where an end could not be read.
 *
 * @param signal ends it
 */
export async function decideMigrations(parts: DeciderParts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    for (const record of parts.migrations.all()) {
      if (record.kind === "moving" || record.kind === "doubtful") await decide(parts, record, signal);
    }
    await pause(parts.intervalMs(), signal);
  }
}

async function decide(parts: DeciderParts, record: MigrationRecord, signal: AbortSignal): Promise<void> {
  const { book, migrations, platform, queue, log } = parts;
  const { guest, uuid, peer } = record;
  const [resource] = book.ofGuest(guest);
  if (resource === undefined) return migrations.forget(guest);
  // an operation at work decides for itself, and is not waited for
  if (book.ofGuest(guest).some(({ operation }) => operation !== undefined)) return undefined;
  const look = async (limit: AbortSignal) => {
    if (migrations.get(guest) !== record) return;
    const end = await platform.whereIs(guest, peer, limit);
    if (end === undefined || signal.aborted) return;
    await migrations.end(guest, uuid, peer, end);
    if (end.kind === "doubtful") return;
    log.info({ guest, peer, end: end.kind, reason: end.why }, "end of a migration is known");
    parts.look(guest);
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
