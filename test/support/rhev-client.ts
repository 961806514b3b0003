import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { PasswordSource } from "../../src/rhev/password.ts";
import { type Rhevm, rhevmOf } from "../../src/rhev/rhevm.ts";
import { parseRhevmUrl, RHEVM_LIMITS, type RhevmSettings } from "../../src/rhev/settings.ts";
import { RecordingLog } from "./fakes/recording-log.ts";
import {
  type RhevmSimulator,
  type SimulatorOptions,
  startRhevmSimulator,
} from "./rhevm-simulator/simulator.ts";

/** A client of a simulated engine, with what it logged. */
export interface TestClient extends Rhevm {
  readonly log: RecordingLog;
  /** Puts another password into the client's source. */
  readonly setPassword: (password: string) => Promise<void>;
}

/** What the simulator's administrator has when nothing else is said. */
export const USER = "admin@internal";
export const PASSWORD = "secret";

/** Starts a simulated engine for the running test. */
export async function testEngine(options: SimulatorOptions = {}): Promise<RhevmSimulator> {
  const engine = await startRhevmSimulator(options);
  onTestFinished(() => engine.stop().catch(() => undefined)); // the test may have stopped it
  return engine;
}

/** Settings that fit a simulated engine. */
export function settingsFor(engine: Pick<RhevmSimulator, "url" | "caFile">): RhevmSettings {
  return {
    ...RHEVM_LIMITS,
    url: parseRhevmUrl(engine.url),
    user: USER,
    auth: "basic",
    trust: { kind: "ca file", path: engine.caFile },
  };
}

/** Opens a client for the running test; it is closed when the test has ended. */
export async function testClient(
  engine: Pick<RhevmSimulator, "url" | "caFile">,
  changes: Partial<RhevmSettings> & { readonly password?: string } = {},
): Promise<TestClient> {
  const { password = PASSWORD, ...settings } = changes;
  const folder = await mkdtemp(join(tmpdir(), "rhev-client-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, "password");
  const setPassword = (text: string) => writeFile(path, `${text}\n`, { mode: 0o600 });
  await setPassword(password);
  const passwordSource = (): PasswordSource => ({ kind: "file", path });
  const log = new RecordingLog();
  const client = rhevmOf({ settings: { ...settingsFor(engine), ...settings }, passwordSource, log });
  onTestFinished(() => client.session.close(AbortSignal.timeout(5000)));
  return { ...client, log, setPassword };
}
