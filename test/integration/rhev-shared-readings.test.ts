import { setMaxListeners } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { UNWATCHED } from "../../src/beat.ts";
import { RhevPlatform } from "../../src/rhev/platform.ts";
import { RecordingLog } from "../support/fakes/recording-log.ts";
import { PASSWORD, testEngine, USER } from "../support/rhev-client.ts";

const NAMES = Array.from({ length: 60 }, (_, at) => `web${at + 1}`);
const NEVER = new AbortController().signal;
setMaxListeners(0, NEVER); // as the daemon has it for its own

it("asks no more of the engine for the readings and claims of many guests than for those of one", async () => {
  const folder = await mkdtemp(join(tmpdir(), "rhev-shared-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, "password");
  await writeFile(path, PASSWORD, { mode: 0o600 });
  const engine = await testEngine({ vms: NAMES });
  engine.world.vm("web7").isHighlyAvailable = true;
  const log = new RecordingLog();
  const platform = new RhevPlatform({
    settings: () => ({
      auth: "basic",
      trust: { kind: "ca file", path: engine.caFile },
      connectMs: 5000,
      answerMs: 5000,
      password: { kind: "file", path },
      host: "host1",
      hostOf: () => undefined,
    }),
    infoOf: () => ({
      enabled: true,
      url: engine.url,
      user: USER,
      cluster: undefined,
      useManualRhevmFencing: false,
    }),
    encryptedPassword: async () => undefined,
    ranHereLast: () => false,
    fencing: { freeGuest: () => Promise.reject(new Error("nothing is fenced here")) },
    identity: async () => ({ names: [], addresses: [], hardwareUuids: [] }),
    log,
  });
  const ending = new AbortController();
  const running = platform.run(UNWATCHED, ending.signal);
  onTestFinished(async () => {
    ending.abort();
    await running;
  });

  const readings = await platform.readAll(NAMES, NEVER);
  const asked = engine.requests.filter(({ url }) => url.includes("/vms?"));
  const again = await platform.readAll(NAMES, NEVER);
  await Promise.all(NAMES.map((name) => platform.claim(name, NEVER)));

  expect(readings.size).toBe(60);
  expect(again.size).toBe(60);
  // one guest alone, with whom it began, and then all of them, 50 in a request
  expect(asked.length).toBeLessThanOrEqual(3);
  expect(engine.requests.filter(({ url }) => url.includes("/vms?")).length).toBeLessThanOrEqual(
    asked.length + 2,
  );
  expect(
    log.entries.filter(({ message }) => message.startsWith("RHEV-M's own")).map(({ fields }) => fields),
  ).toEqual([{ guest: "web7" }]);
});
