import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { migrationStore } from "../../../daemon/migration-store.ts";
import type { MigrationRecord } from "../../../src/migration.ts";
import { aRecord } from "../../support/fakes/memory-migrations.ts";
import { RecordingLog } from "../../support/fakes/recording-log.ts";

let directory: string;
let folder: string;
let log: RecordingLog;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "migration-store-"));
  folder = join(directory, "migrations");
  log = new RecordingLog();
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

/** What another process reads. */
function load(): Promise<readonly MigrationRecord[]> {
  return migrationStore(directory, log).load();
}

const FULL = aRecord({
  guest: "web 1",
  uuid: "5c1b8d3c-0000-4000-8000-000000000001",
  kind: "doubtful",
  peer: "node2",
  why: "decide with: virsh -c 'qemu:///system' domstate --reason \"web 1\"",
});

describe("the store of migration records", () => {
  it.each([
    FULL,
    aRecord(),
    aRecord({ kind: "moving" }),
    aRecord({
      kind: "moving",
      asked: { at: "2026-01-01T00:00:00.000Z", abortAt: "2026-01-01T00:04:00.000Z" },
    }),
    aRecord({ kind: "stuck" }),
    aRecord({ kind: "lost" }),
  ])("gives back what it was given: %#", async (record) => {
    await migrationStore(directory, log).save(record);

    expect(await load()).toEqual([record]);
  });

  it("does not keep what a later process must prove anew", async () => {
    await migrationStore(directory, log).save(aRecord({ despite: "shut off (crashed)" }));

    expect(await load()).toEqual([aRecord()]);
  });

  it("gives back whatever names and words there are", async () => {
    const text = fc.string({ unit: "grapheme", maxLength: 30 });
    const guest = fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9_.:@ -]{0,60}$/);
    await fc.assert(
      fc.asyncProperty(guest, text, text, async (name, peer, why) => {
        const store = migrationStore(directory, log);
        const record = aRecord({ guest: name, kind: "doubtful", peer, why });
        await store.save(record);
        const found = await load();
        await store.remove(name);

        expect(found).toEqual([record]);
      }),
      { numRuns: 30 },
    );
  });

  it("keeps one file a guest, for root alone, and the last save counts", async () => {
    const store = migrationStore(directory, log);
    await store.save(aRecord({ guest: "web1", kind: "moving" }));
    await store.save(aRecord({ guest: "web1", kind: "left", peer: "node2" }));
    await store.save(aRecord({ guest: "web2" }));

    expect((await readdir(folder)).toSorted()).toEqual(["web1.json", "web2.json"]);
    expect((await stat(join(folder, "web1.json"))).mode & 0o777).toBe(0o600);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect(JSON.parse(await readFile(join(folder, "web1.json"), "utf8"))).toEqual({
      version: 1,
      guest: "web1",
      kind: "left",
      at: "2026-01-01T00:00:00.000Z",
      peer: "node2",
      bootId: "this boot",
    });
  });

  it("removes a record, and one that is not there", async () => {
    const store = migrationStore(directory, log);
    await store.save(aRecord());
    await store.remove("web1");
    await store.remove("web1");

    expect(await load()).toEqual([]);
  });

  it.each([
    ["is no JSON", "{"],
    ["is of a version to come", JSON.stringify({ version: 2, ...aRecord() })],
    ["has a word that nobody knows", JSON.stringify({ version: 1, ...aRecord(), kind: "vanished" })],
    ["has a field that nobody knows", JSON.stringify({ version: 1, ...aRecord(), mood: "good" })],
    ["says too little", JSON.stringify({ version: 1, guest: "web1" })],
    ["is empty", ""],
  ])("sets a file aside that %s, and reads the others", async (_what, text) => {
    await migrationStore(directory, log).save(aRecord({ guest: "web2" }));
    await writeFile(join(folder, "web1.json"), text);

    expect(await load()).toEqual([aRecord({ guest: "web2" })]);
    expect((await readdir(folder)).toSorted()).toEqual(["web1.json.unreadable", "web2.json"]);
    expect(log.messages("error")).toEqual(["migration record cannot be read, it is set aside"]);
    expect(await load()).toHaveLength(1);
    expect(log.messages("error")).toHaveLength(1);
  });

  it("clears away what a crash left of a write", async () => {
    await mkdir(folder);
    await writeFile(join(folder, "web1.json.1234.tmp"), "{");

    expect(await load()).toEqual([]);
    expect(await readdir(folder)).toEqual([]);
  });

  it("holds nothing where its folder cannot be, and says so", async () => {
    await writeFile(folder, "a file in the way");

    expect(await load()).toEqual([]);
    expect(log.messages("error")).toEqual([
      "migration records cannot be kept, a guest that left may look stopped after a restart",
    ]);
    await expect(migrationStore(directory, log).save(aRecord())).rejects.toThrow(/ENOTDIR/);
  });
});
