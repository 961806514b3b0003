import { AgentError } from "../src/agent-error.ts";
import { migrate } from "../src/entry-points/migrate.ts";
import type { Call, OperationParts, Result } from "./operations.ts";
import { awaitMonitor, contextOf, operate } from "./operations.ts";
import { refuseIfUndecided } from "./undecided.ts";
import { forgetIfUnkept } from "./unkept-guest.ts";

/**
 * Moves the guest to the system that the engine named. A migration cannot be undone by its exit code: whatever becomes of
 * it, the code is 0, the log says it, and the monitors tell where the guest is.
 */
export async function runMigrate(
  parts: OperationParts,
  call: Call,
  target: string | undefined,
  signal: AbortSignal,
): Promise<Result> {
  const until = performance.now() + call.budgetMs;
  const { record, attributes } = call;
  const { guestName } = attributes;
  const { book, migrations } = parts;
  if (book.ofGuest(guestName).some(({ operation }) => operation === "migrate"))
    throw new AgentError("REFUSED", `guest ${guestName} is not migrated: a migration of it runs already`);
  const moving: { uuid?: string } = {};
  const context = {
    ...contextOf(parts, call),
    target,
    system: parts.systems.own(),
    siteOf: (system: string) => parts.systems.siteOf(system),
    onMoving: (uuid: string, abortAfterMs: number) => {
      moving.uuid = uuid;
      return migrations.begin(guestName, uuid, target ?? "", abortAfterMs);
    },
    onProgress: (progress: object) => {
      record.migration = { target: target ?? "", ...progress };
    },
  };
  const end = await operate(parts, call, "migrate", signal, async (inTurn) => {
    try {
      await refuseIfUndecided(parts, guestName, "migrated", inTurn);
      const found = await migrate(context, until - performance.now(), inTurn);
      // closed meanwhile: nobody would look after the record
      if (book.ofGuest(guestName).length > 0)
        await migrations.end(guestName, migrations.get(guestName)?.uuid ?? moving.uuid, target, found);
      return found;
    } finally {
      record.migration = undefined;
      await forgetIfUnkept(parts, guestName);
    }
  });
  if (end.kind === "moved") awaitMonitor(call, false);
  parts.look(guestName);
  return { exitCode: 0, fields: { end: end.kind } };
}
