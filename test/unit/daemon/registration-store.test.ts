import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { registrationStore } from "../../../daemon/registration-store.ts";
import { parseAttributes, sameAttributes } from "../../../src/attributes.ts";
import type { Registration } from "../../../src/resource.ts";
import { INTENTIONAL_OFFLINE, OFFLINE, online } from "../../../src/resource-state.ts";
import { errorOf } from "../../support/error-of.ts";
import { RecordingLog } from "../../support/fakes/recording-log.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";
import { matching } from "../../support/matching.ts";

let folder: string;
let registrations: string;
let log: RecordingLog;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "store-"));
  registrations = join(folder, "state/registrations");
  log = new RecordingLog();
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

function store() {
  return registrationStore(join(folder, "state"), log);
}

function aRegistration(resource: string, changes: Partial<Registration> = {}): Registration {
  return {
    resource,
    attributes: attributesOfGuest(resource),
    watched: true,
    stopping: false,
    starting: false,
    ...changes,
  };
}

const FULL: Registration = aRegistration("db_res", {
  watched: false,
  stopping: true,
  starting: true,
  uuid: "00000000-1111-4222-8333-444444444444",
  lastAnswer: { state: online(40), active: true },
  emulator: { pid: 4711, startTicks: "123456789012", bootId: "a boot" },
  gaveAway: { run: 7, bootId: "a boot", isBroken: true },
  saved: { uuid: "00000000-1111-4222-8333-444444444444", at: "2026-01-01T00:00:00.000Z" },
  attributes: parseAttributes(
    "db_res",
    new Map([
      ["GuestName", ["db"]],
      ["SyncDir", ["/sync"]],
      ["GuestConfigFilePath", ["/etc/db.xml"]],
      ["CEInfo", ["Enabled", "1", "CESystem", "ce1", "FaultOnHBLoss", "0"]],
      ["RHEVMInfo", ["URL", "https://m", "User", "u", "Cluster", "c", "Password", "S3cr3t"]],
      ["DROpts", ["IPAddress", "10.0.0.2", "DNSServers", "10.0.0.3 10.0.0.4", "Device", "eth0"]],
    ]),
  ),
});

describe("the store of registrations", () => {
  it("brings back what was saved, for another process too", async () => {
    const one = store();
    await one.load();
    for (const registration of [
      FULL,
      aRegistration("web1_res"),
      aRegistration("web2_res", { lastAnswer: { state: OFFLINE, active: true } }),
      aRegistration("web3_res", { lastAnswer: { state: INTENTIONAL_OFFLINE, active: false } }),
    ]) {
      await one.save(registration);
    }
    const loaded = await store().load();

    expect(loaded.toSorted((a, b) => a.resource.localeCompare(b.resource))).toEqual([
      FULL,
      aRegistration("web1_res"),
      aRegistration("web2_res", { lastAnswer: { state: OFFLINE, active: true } }),
      aRegistration("web3_res", { lastAnswer: { state: INTENTIONAL_OFFLINE, active: false } }),
    ]);
    expect(log.entries).toEqual([]);
  });

  it("brings attributes back that are the same to the last key, so that nothing is written again", async () => {
    await store().save(FULL);
    const [loaded] = await store().load();

    expect(sameAttributes(loaded?.attributes ?? attributesOfGuest("none"), FULL.attributes)).toBe(true);
  });

  it("keeps its files to root, and no password in them", async () => {
    await store().save(FULL);

    expect((await stat(registrations)).mode & 0o777).toBe(0o700);
    expect((await stat(join(registrations, "db_res.json"))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(registrations, "db_res.json"), "utf8")).not.toContain("S3cr3t");
  });

  it("forgets what was removed, and needs nothing to be there", async () => {
    await store().save(FULL);
    await store().remove("db_res");
    await store().remove("db_res");

    expect(await store().load()).toEqual([]);
  });

  it("keeps every resource's name as a file's name", async () => {
    const name = fc.stringMatching(/^[A-Za-z0-9_][ -.0-~]{0,40}$/).filter((text) => text.trim() === text);
    await fc.assert(
      fc.asyncProperty(name, async (resource) => {
        await store().save(aRegistration(resource));
        const loaded = await store().load();
        await store().remove(resource);

        expect(loaded.map((registration) => registration.resource)).toEqual([resource]);
      }),
      { numRuns: 20 },
    );
  });
});

describe("the store of registrations that a crash or a hand has spoilt", () => {
  it.each([
    ["cut off", '{ "version": 1, "resour'],
    ["empty", ""],
    ["zeros", "\0".repeat(300)],
    ["of another version", JSON.stringify({ version: 2, ...FULL })],
    [
      "with a state nobody knows",
      JSON.stringify({ version: 1, ...FULL, lastAnswer: { state: { kind: "FAULTED" } } }),
    ],
    ["with a key nobody knows", JSON.stringify({ version: 1, ...FULL, colour: "red" })],
    ["no object", "[1]"],
  ])("sets a file aside that is %s, and loads the others", async (_what, text) => {
    await store().save(aRegistration("web1_res"));
    await writeFile(join(registrations, "db_res.json"), text);

    expect((await store().load()).map(({ resource }) => resource)).toEqual(["web1_res"]);
    expect((await readdir(registrations)).toSorted()).toEqual(["db_res.json.unreadable", "web1_res.json"]);
    expect(log.messages("error")).toEqual([
      "registration cannot be read, it is set aside until the engine asks again",
    ]);
    expect((await store().load()).length).toBe(1);
    expect(log.messages("error")).toHaveLength(1);
  });

  it("removes files whose writing was cut off", async () => {
    await store().save(FULL);
    await writeFile(join(registrations, "db_res.json.0815.tmp"), "{");

    expect(await store().load()).toHaveLength(1);
    expect(await readdir(registrations)).toEqual(["db_res.json"]);
  });

  it("never throws on garbage", async () => {
    await mkdir(registrations, { recursive: true });
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.json()), async (text) => {
        await writeFile(join(registrations, "x.json"), text);

        expect(await store().load()).toEqual([]);
      }),
      { numRuns: 30 },
    );
  });

  it("leaves folders and foreign files alone", async () => {
    await store().save(FULL);
    await mkdir(join(registrations, "folder"));
    await writeFile(join(registrations, "README"), "x");

    expect(await store().load()).toHaveLength(1);
    expect((await readdir(registrations)).toSorted()).toEqual(["README", "db_res.json", "folder"]);
  });
});

describe("the store of registrations without a usable folder", () => {
  it("is empty, says so, and rejects what cannot be written", async () => {
    await writeFile(join(folder, "state"), "a file in the folder's place");

    expect(await store().load()).toEqual([]);
    expect(log.messages("error")).toEqual([
      "registrations cannot be kept, resources are known when the engine asks",
    ]);
    expect(await errorOf(store().save(FULL))).toMatchObject({ code: matching(/^E/) });
  });

  it("leaves the old content and no temporary file when a write fails", async () => {
    await store().save(FULL);
    await chmod(registrations, 0o500);
    await rm(join(registrations, "db_res.json"));
    await mkdir(join(registrations, "db_res.json/inside"), { recursive: true });

    expect(await errorOf(store().save(FULL))).toMatchObject({ code: "EISDIR" });
    expect(await readdir(registrations)).toEqual(["db_res.json"]);
  });
});
