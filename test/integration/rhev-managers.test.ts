import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { UNWATCHED } from "../../src/beat.ts";
import { Managers } from "../../src/rhev/managers.ts";
import type { RhevSettings } from "../../src/rhev/rhev-settings.ts";
import { RecordingLog } from "../support/fakes/recording-log.ts";
import { PASSWORD, testEngine, USER } from "../support/rhev-client.ts";

const ELSEWHERE = "AA:".repeat(31).concat("AA");

let folder: string;
let settings: RhevSettings;
let managers: Managers;
let heard: string[];
let log: RecordingLog;
let ending: AbortController;
let running: Promise<void>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "rhev-managers-"));
  const path = join(folder, "password");
  await writeFile(path, PASSWORD, { mode: 0o600 });
  settings = {
    auth: "basic",
    trust: { kind: "fingerprints", sha256: [ELSEWHERE] },
    connectMs: 5000,
    answerMs: 5000,
    password: { kind: "file", path },
    host: "host1",
    hostOf: () => undefined,
  };
  log = new RecordingLog();
  managers = new Managers({
    settings: () => settings,
    identity: async () => ({ names: [], addresses: [], hardwareUuids: [] }),
    encryptedPassword: async () => undefined,
    log,
  });
  heard = [];
  managers.events.on("connected", (source) => void heard.push(`connected ${source}`));
  managers.events.on("lost", (source) => void heard.push(`lost ${source}`));
  managers.events.on("dropped", (source) => void heard.push(`dropped ${source}`));
  ending = new AbortController();
  running = managers.run(UNWATCHED, ending.signal);
});

afterEach(async () => {
  ending.abort();
  await running;
  await rm(folder, { recursive: true });
});

function infoOf(url: string, user = USER) {
  return { enabled: true, url, user, cluster: undefined, useManualRhevmFencing: false };
}

const SOON = { timeout: 20_000, interval: 20 };

describe("the managers in use", () => {
  it("are told apart by their URL without a user, and dropped with their last guest", async () => {
    const engine = await testEngine({ vms: ["web1", "web2"] });
    settings = { ...settings, trust: { kind: "ca file", path: engine.caFile } };
    managers.of("web1", infoOf(`${engine.url}/ovirt-engine/api`));
    await vi.waitFor(() => expect(heard).toEqual([`connected ${engine.url}`]), SOON);

    managers.of("web2", infoOf(engine.url, "other@internal"));
    await vi.waitFor(() => expect(heard).toContain(`lost ${engine.url} (2)`), SOON);
    managers.forget("web2");
    expect(heard.at(-1)).toBe(`dropped ${engine.url} (2)`);
  });

  it("publish what became of each request, and a listener that throws costs itself", async () => {
    const engine = await testEngine({ vms: ["web1"] });
    settings = { ...settings, trust: { kind: "ca file", path: engine.caFile } };
    const requested = new Set<string>();
    managers.events.on("requested", (source, outcome) => {
      requested.add(`${source} ${outcome}`);
      throw new Error("told to throw");
    });
    managers.of("web1", infoOf(engine.url));
    await vi.waitFor(() => expect(heard).toEqual([`connected ${engine.url}`]), SOON);

    expect(requested).toContain(`${engine.url} granted`);
  });

  it("are connected to anew when a reload changes whom to trust, with all their guests", async () => {
    const engine = await testEngine({ vms: ["web1", "web2"] });
    const first = managers.of("web1", infoOf(engine.url));
    managers.of("web2", infoOf(engine.url));
    await vi.waitFor(() => expect(heard).toEqual([`lost ${engine.url}`]), SOON);

    settings = { ...settings, trust: { kind: "fingerprints", sha256: [engine.fingerprint] } };
    const second = managers.of("web1", infoOf(engine.url));
    expect(second).not.toBe(first);
    const never = new AbortController().signal;
    const { vms } = await second.poller.snapshot("web1", never);

    expect(vms.map(({ name }) => name).toSorted()).toEqual(["web1", "web2"]);
    expect(managers.of("web2", infoOf(engine.url))).toBe(second);
    expect(heard).toEqual([`lost ${engine.url}`, `connected ${engine.url}`]);
  });

  it("are logged out of before the end, those that were replaced or dropped a moment ago too", async () => {
    const engine = await testEngine({ vms: ["web1", "web2"] });
    settings = { ...settings, trust: { kind: "ca file", path: engine.caFile } };
    managers.of("web1", infoOf(engine.url));
    await vi.waitFor(() => expect(heard).toEqual([`connected ${engine.url}`]), SOON);
    settings = { ...settings, answerMs: 6000 };
    managers.of("web1", infoOf(engine.url));
    await vi.waitFor(() => expect(heard).toHaveLength(2), SOON);

    managers.forget("web1");
    ending.abort();
    await running;

    expect(engine.logins.open).toBe(0);
  });

  it("stay connected when a reload changes nothing of that", async () => {
    const engine = await testEngine({ vms: ["web1"] });
    settings = { ...settings, trust: { kind: "ca file", path: engine.caFile } };
    const first = managers.of("web1", infoOf(engine.url));
    settings = { ...settings, host: "host2", trust: { kind: "ca file", path: engine.caFile } };

    expect(managers.of("web1", infoOf(engine.url))).toBe(first);
  });

  it("are found for hosts that are owed there as whoever is logged in, and after the last guest has gone", async () => {
    const engine = await testEngine({ vms: ["web1"] });
    settings = { ...settings, trust: { kind: "ca file", path: engine.caFile } };
    const followed = managers.of("web1", infoOf(engine.url));
    expect(managers.at({ url: engine.url, user: USER })).toBe(followed);
    expect(managers.at({ url: `${engine.url}/ovirt-engine/api`, user: "other@internal" })).toBe(followed);

    managers.forget("web1");
    const reopened = managers.at({ url: engine.url, user: USER });

    expect(reopened).not.toBe(followed);
    expect(managers.at({ url: engine.url, user: USER })).toBe(reopened);
    const signal = AbortSignal.timeout(60_000);
    expect((await reopened.reads.hosts(signal)).map(({ name }) => name)).toContain("host1");
    expect(managers.of("web1", infoOf(engine.url))).toBe(reopened);
  });
});
