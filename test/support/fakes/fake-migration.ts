import { pause } from "../../../src/deadline.ts";
import { ERROR_CODE } from "../../../src/libvirt/errors.ts";
import { CODE, EVENT } from "./fake-domain.ts";
import type { FakeLibvirtd } from "./fake-libvirtd.ts";
import { libvirtError } from "./libvirt-error.ts";

const NEVER = new AbortController().signal;

/** One guest between two fake libvirtds. */
export interface Ends {
  readonly name: string;
  readonly source: FakeLibvirtd;
  readonly target: FakeLibvirtd;
}

/** How long the parts of a live migration take. */
export interface Durations {
  readonly transferMs: number;
  /** Between two of: the source stands still, the target runs, the source is off. */
  readonly handOverMs: number;
}

/** The target begins to receive. Source of all steps: events and states measured with libvirt 9.0. */
export function receive({ name, source, target }: Ends): void {
  source.named(name).job = "outgoing";
  if (!target.all().some((domain) => domain.name === name))
    target.define(name, CODE.offUnknown, source.named(name).uuid).isTransient = true;
  target.becomes(name, CODE.pausedMigrating, EVENT.startedMigrated);
  target.named(name).job = "refused";
}

/** The source stands still. */
export function handOver({ name, source }: Ends): void {
  source.named(name).job = "outgoing";
  source.becomes(name, CODE.pausedMigrating, EVENT.suspendedMigrated);
}

/** The target runs, and keeps the definition. */
export function takeOver({ name, target }: Ends): void {
  target.named(name).isTransient = false;
  target.named(name).job = "none";
  target.becomes(name, CODE.migrated, EVENT.resumedMigrated);
}

/** The source is off. */
export async function letGo({ name, source }: Ends): Promise<void> {
  await source.end(name, CODE.offMigrated, EVENT.stoppedMigrated);
  source.named(name).job = "none";
}

/** The migration is given up: the source goes on if it stood still, and the target has nothing any more. */
export async function giveUp({ name, source, target }: Ends): Promise<void> {
  const domain = source.named(name);
  domain.job = "none";
  const { state, reason } = CODE.pausedMigrating;
  if (domain.code.state === state && domain.code.reason === reason)
    source.becomes(name, CODE.migrationCanceled, EVENT.resumedMigrated);
  const copy = target.all().find((one) => one.name === name);
  if (copy === undefined) return;
  await target.end(name, CODE.offCrashed, EVENT.stoppedFailed);
  copy.job = "none";
  if (copy.isTransient) target.undefine(name);
}

/** What a libvirtd does that is asked for migrations: all steps in their time, or the end of them when it is aborted. */
export function liveMigration(
  source: FakeLibvirtd,
  targets: ReadonlyMap<string, FakeLibvirtd>,
  { transferMs, handOverMs }: Durations,
): FakeLibvirtd["onMigrate"] {
  return async ({ name }, uri, aborted) => {
    const target = targets.get(uri);
    if (target === undefined) throw failed(`unable to connect to server at '${uri}'`);
    const ends = { name, source, target };
    receive(ends);
    await pause(transferMs, aborted);
    if (aborted.aborted) {
      await giveUp(ends);
      throw libvirtError(
        "migratePerform3Params",
        ERROR_CODE.OPERATION_ABORTED,
        "operation aborted: migration out job: canceled by client",
      );
    }
    if (!isActive(source, name) || !isActive(target, name)) {
      await giveUp(ends);
      throw failed("domain is not running");
    }
    handOver(ends);
    await pause(handOverMs, NEVER);
    if (!isActive(target, name)) {
      await giveUp(ends);
      throw failed("qemu unexpectedly closed the monitor");
    }
    takeOver(ends);
    await pause(handOverMs, NEVER);
    await letGo(ends);
  };
}

function isActive(libvirtd: FakeLibvirtd, name: string): boolean {
  return libvirtd.all().some((domain) => domain.name === name && domain.isActive);
}

/** What libvirt says to a migration that cannot be. */
export function failed(why: string): Error {
  return libvirtError("migratePerform3Params", ERROR_CODE.OPERATION_FAILED, why);
}
