import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Connection } from "../../src/libvirt/connection.ts";
import {
  DOMAIN_STATE,
  EVENT_ID,
  JOB_OPERATION,
  JOB_TYPE,
  SHUTOFF_REASON,
} from "../../src/libvirt/constants.ts";
import { hasErrorCode, isAborted, isConnectionLost } from "../../src/libvirt/errors.ts";
import { MIGRATE } from "../../src/libvirt/flags.ts";
import { openConnection } from "../../src/libvirt/open.ts";
import { errorOf } from "../support/error-of.ts";
import { type GuestFiles, guestFiles } from "../support/lab/guest-files.ts";
import { guestXml } from "../support/lab/guest-xml.ts";
import { type PrivateLibvirtd, startLibvirtd } from "../support/lab/libvirtd.ts";

const WAIT = { timeout: 60_000 };
const FLAGS = MIGRATE.LIVE | MIGRATE.PEER2PEER | MIGRATE.PERSIST_DEST | MIGRATE.UNSAFE;
const MIGRATE_URI = { field: "migrate_uri", type: "string", value: "tcp://127.0.0.1" } as const;

let files: GuestFiles;
let from: PrivateLibvirtd;
let to: PrivateLibvirtd;
let source: Connection;
let target: Connection;

function open({ socket }: PrivateLibvirtd): Promise<Connection> {
  const options = { uri: "qemu:///system", sockets: [socket], openTimeoutMs: 60_000, callTimeoutMs: 120_000 };
  return openConnection(options, new AbortController().signal);
}

function migrationTo(libvirtd: PrivateLibvirtd): Parameters<Connection["migratePerform3Params"]>[1] {
  return { destinationUri: libvirtd.uri, params: [MIGRATE_URI], flags: FLAGS };
}

async function startGuest(): Promise<string> {
  const uuid = randomUUID();
  const xml = guestXml({ name: `guest-${uuid.slice(0, 8)}`, uuid, kind: "sector", files });
  await source.defineXml(xml, 0);
  await source.create(uuid, 0);
  return uuid;
}

beforeAll(async () => {
  files = await guestFiles();
  from = await startLibvirtd({ hostname: "source" });
  to = await startLibvirtd({ hostname: "target" });
  source = await open(from);
  target = await open(to);
});

afterAll(async () => {
  await source.close();
  await target.close();
  await from.stop();
  await to.stop();
});

describe("A peer-to-peer migration between two libvirtds", () => {
  it("moves a running guest, and says so by events and states", async () => {
    const uuid = await startGuest();
    const seen: string[] = [];
    const passes: number[] = [];
    const operations: unknown[] = [];
    source.events.on("lifecycle", ({ event, detail }) => seen.push(`${event}/${detail}`));
    source.events.on("migrationIteration", ({ iteration }) => passes.push(iteration));
    source.events.on("jobCompleted", ({ params }) => operations.push(params.get("operation")));
    for (const id of [EVENT_ID.LIFECYCLE, EVENT_ID.MIGRATION_ITERATION, EVENT_ID.JOB_COMPLETED]) {
      await source.registerEvent(id);
    }

    await source.migratePerform3Params(uuid, migrationTo(to));

    expect(await target.getState(uuid)).toMatchObject({ state: DOMAIN_STATE.RUNNING });
    expect(await source.getState(uuid)).toEqual({
      state: DOMAIN_STATE.SHUTOFF,
      reason: SHUTOFF_REASON.MIGRATED,
    });
    await vi.waitFor(() => expect(seen).toEqual(["3/1", "5/3"]), WAIT);
    await vi.waitFor(() => expect(operations).toEqual([JOB_OPERATION.MIGRATION_OUT]), WAIT);
    expect(passes[0]).toBe(1);
    await target.destroy(uuid, 0);
    await source.undefine(uuid, 0);
  });

  it("can be watched and aborted, and the guest stays", async () => {
    const uuid = await startGuest();
    await source.migrateSetMaxSpeed(uuid, 1, 0);
    const migration = errorOf(source.migratePerform3Params(uuid, migrationTo(to)));

    await vi.waitFor(async () => {
      const stats = await source.getJobStats(uuid, 0);
      expect(stats.type).toBe(JOB_TYPE.UNBOUNDED);
      expect(stats.params.get("operation")).toBe(JOB_OPERATION.MIGRATION_OUT);
      expect(await source.getJobInfo(uuid)).toMatchObject({ type: JOB_TYPE.UNBOUNDED });
    }, WAIT);
    await source.abortJob(uuid);

    expect(isAborted(await migration)).toBe(true);
    expect(await source.getState(uuid)).toMatchObject({ state: DOMAIN_STATE.RUNNING });
    await source.destroy(uuid, 0);
    await source.undefine(uuid, 0);
  });

  it("fails at once when the destination cannot be reached", async () => {
    const uuid = await startGuest();
    const nowhere = { ...migrationTo(to), destinationUri: "qemu+unix:///system?socket=/nowhere" };

    const error = await errorOf(source.migratePerform3Params(uuid, nowhere));

    expect(hasErrorCode(error, 38)).toBe(true);
    expect(isConnectionLost(error)).toBe(true);
    expect(source.closed).toBe(false);
    await source.destroy(uuid, 0);
    await source.undefine(uuid, 0);
  });
});
