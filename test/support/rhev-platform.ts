import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { UNWATCHED } from "../../src/beat.ts";
import { RhevPlatform } from "../../src/rhev/platform.ts";
import { RecordingLog } from "./fakes/recording-log.ts";
import { PASSWORD, USER } from "./rhev-client.ts";
import type { RhevmSimulator } from "./rhevm-simulator/simulator.ts";

/** What a platform under test is told of its guests. */
export interface TestPlatformOptions {
  /** The host of RHEV-M that this system is. */
  readonly host?: string;
  /** Whether an earlier process of the agent had the guest here last. */
  readonly ranHereLast?: boolean;
  /** Cluster of RHEVMInfo. */
  readonly cluster?: string;
}

/** A platform of the running test over a simulated engine; it follows its guests until the test has ended. */
export async function testPlatform(
  engine: RhevmSimulator,
  { host = "host1", ranHereLast = false, cluster = "Default" }: TestPlatformOptions = {},
): Promise<{
  readonly platform: RhevPlatform;
  readonly log: RecordingLog;
  readonly end: () => Promise<void>;
}> {
  const path = join(await mkdtemp(join(tmpdir(), "rhev-platform-")), "password");
  await writeFile(path, PASSWORD, { mode: 0o600 });
  const log = new RecordingLog();
  const info = {
    enabled: true,
    url: engine.url,
    user: USER,
    cluster,
    useManualRhevmFencing: false,
  };
  const platform = new RhevPlatform({
    settings: () => ({
      auth: "basic",
      trust: { kind: "ca file", path: engine.caFile },
      connectMs: 5000,
      answerMs: 10_000,
      password: { kind: "file", path },
      host,
      hostOf: () => undefined,
    }),
    infoOf: () => info,
    encryptedPassword: async () => undefined,
    ranHereLast: () => ranHereLast,
    identity: async () => ({ names: [], addresses: [], hardwareUuids: [] }),
    fencing: { freeGuest: () => Promise.reject(new Error("nothing is fenced here")) },
    log,
  });
  const ending = new AbortController();
  const run = platform.run(UNWATCHED, ending.signal);
  const end = async () => {
    ending.abort();
    await run;
  };
  onTestFinished(end);
  return { platform, log, end };
}
