import type { Platform } from "../src/platform.ts";
import type { MigrationBook } from "./migration-book.ts";
import type { ResourceBook } from "./resource-book.ts";

/** Where something is known of a guest. */
export interface GuestKnowledge {
  readonly book: Pick<ResourceBook, "ofGuest">;
  readonly migrations: Pick<MigrationBook, "forget">;
  readonly platform: Pick<Platform, "forget">;
}

/**
 * Drops what is known of a guest that no resource keeps any more: it was closed, or its resource has another guest. Nobody
 * would look after such a record, and whoever keeps the guest next would be told of an old migration. Resolves when that is
 * on disk, or shortly after when the disk hangs.
 */
export async function forgetIfUnkept(
  { book, migrations, platform }: GuestKnowledge,
  guest: string,
): Promise<void> {
  if (book.ofGuest(guest).length > 0) return;
  platform.forget(guest);
  await migrations.forget(guest);
}
