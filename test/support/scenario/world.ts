import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { vi } from "vitest";
import { AgentError } from "../../../src/agent-error.ts";
import { type ChangeableSettings, defaultSettings } from "../fakes/default-settings.ts";
import { EmulatorProcesses } from "../fakes/emulator-processes.ts";
import { FakeEngine } from "../fakes/fake-engine.ts";
import { FakeLibvirtd } from "../fakes/fake-libvirtd.ts";
import { MemoryMigrations } from "../fakes/memory-migrations.ts";
import { MemoryStore } from "../fakes/memory-store.ts";
import { type LogEntry, RecordingLog } from "../fakes/recording-log.ts";
import { requestArguments } from "../fakes/resources.ts";
import { VirtualClock } from "../fakes/virtual-clock.ts";
import { Journal } from "./journal.ts";
import { Neighbours } from "./neighbours.ts";
import { type ScenarioDaemon, startScenarioDaemon } from "./scenario-daemon.ts";

/** Between the engine's acceptance of a probe and the monitor that it runs. */
const PROBE_MS = 100;

/** Limits of the type's entry points. Source: Agent Developer's Guide, defaults of the static attributes. */
const TIMEOUT_S: Readonly<Record<string, number>> = { online: 300, offline: 300, migrate: 300 };
const DEFAULT_TIMEOUT_S = 60;

type EntryPointName = "open" | "close" | "online" | "offline" | "monitor" | "clean" | "migrate";

/** What some entry points are told beside the attributes. */
interface Asking {
  readonly reason?: number;
  readonly target?: string;
}

/** What scenarios happen in: a host with its libvirtd, guests and daemon, and the engine that asks it. */
export class World {
  readonly clock = new VirtualClock();
  readonly emulators: EmulatorProcesses;
  readonly libvirtd: FakeLibvirtd;
  readonly neighbours: Neighbours;
  readonly settings: ChangeableSettings;
  readonly journal: Journal;
  /** kvm.ioErrorPause is `resume`. */
  resumesStalled = false;
  readonly #engine = new FakeEngine();
  readonly #store = new MemoryStore();
  readonly #migrations = new MemoryMigrations();
  readonly #runDirectory: string;
  readonly #attributes = new Map<string, readonly string[]>();
  /** Hears each line of the product's log as it is written. */
  onLog: (entry: LogEntry) => void = () => undefined;
  #daemon: ScenarioDaemon | undefined;

  constructor(runDirectory: string) {
    this.#runDirectory = runDirectory;
    this.journal = new Journal(() => this.clock.now);
    this.emulators = new EmulatorProcesses(runDirectory, (work) => this.clock.hold(work));
    this.libvirtd = new FakeLibvirtd(this.emulators);
    this.settings = defaultSettings(runDirectory);
    this.neighbours = new Neighbours(this.libvirtd, this.emulators, this.settings);
    this.#engine.onProbe = (resource) => this.#takeProbe(resource);
    vi.spyOn(Math, "random").mockReturnValue(0.5);
    this.#signalAtOnce();
  }

  async startDaemon(): Promise<void> {
    this.#daemon = await startScenarioDaemon({
      open: (signal) => this.libvirtd.open(signal),
      openPeer: ({ uri }, signal) => this.neighbours.open(uri, signal),
      store: this.#store,
      migrations: this.#migrations,
      engine: this.#engine,
      settings: () => this.settings,
      resumesStalled: () => this.resumesStalled,
      log: new RecordingLog((entry) => {
        this.journal.logged(entry);
        this.onLog(entry);
      }),
    });
  }

  get hasDaemon(): boolean {
    return this.#daemon !== undefined;
  }

  stopDaemon(): void {
    this.#daemon?.stop();
    this.#daemon = undefined;
  }

  /** An attribute that all requests from now on carry. */
  setAttribute(name: string, values: readonly string[]): void {
    this.#attributes.set(name, values);
  }

  setEngineDown(isDown: boolean): void {
    this.#engine.trouble = isDown
      ? new AgentError("PLATFORM_DOWN", "hares -probe: VCS ERROR V-16-1-10600 Cannot connect to VCS engine")
      : undefined;
  }

  /** Runs an entry point as the engine does, and afterwards the monitor that the framework owes. */
  async ask(name: EntryPointName, guest: string, { reason, target }: Asking = {}): Promise<void> {
    const resource = `${guest}_res`;
    const timeoutS = TIMEOUT_S[name] ?? DEFAULT_TIMEOUT_S;
    const more = target === undefined ? {} : { VCSInfo: target };
    const attributes = { ...this.#attributesOf(guest), ...more };
    const args = requestArguments(resource, attributes, {
      timeoutS,
      ...(reason === undefined ? {} : { reason }),
    });
    const { signal } = new AbortController();
    if (this.#daemon === undefined) {
      this.journal.engine(`${name} of ${resource}: nobody answers`);
      return;
    }
    const { exitCode } = await this.#daemon.dispatcher.handle({ kind: "entry-point", name, args, signal });
    if (name !== "online" && name !== "offline" && name !== "migrate") return;
    const unitMs = name === "migrate" ? 10_000 : 1000;
    setTimeout(() => void this.ask("monitor", guest), exitCode * unitMs);
  }

  /** Runs an action, as a person asks the engine to. */
  async act(name: string, guest: string): Promise<void> {
    const { signal } = new AbortController();
    const args = requestArguments(`${guest}_res`, this.#attributesOf(guest), { timeoutS: DEFAULT_TIMEOUT_S });
    const reply = await this.#daemon?.dispatcher.handle({ kind: "action", name, args, signal });
    this.journal.engine(`${name} of ${guest}_res: ${reply?.exitCode}, ${reply?.output.trim()}`);
  }

  /** What the engine says to `hares -state`. */
  setOnlineElsewhere(guest: string, systems: readonly string[]): void {
    this.#engine.elsewhere.set(`${guest}_res`, systems);
  }

  /** Lets the engine run monitor again and again. */
  poll(guest: string, everyMs: number): void {
    setInterval(() => void this.ask("monitor", guest), everyMs);
  }

  async end(): Promise<void> {
    this.stopDaemon();
    await this.clock.settle();
    await this.emulators.endAll();
    this.clock.stop();
    vi.restoreAllMocks();
    await rm(this.#runDirectory, { recursive: true });
  }

  #attributesOf(guest: string): Readonly<Record<string, string | readonly string[]>> {
    return { GuestName: guest, ...Object.fromEntries(this.#attributes) };
  }

  async #takeProbe(resource: string): Promise<void> {
    this.journal.engine(`is asked to probe ${resource}`);
    setTimeout(() => void this.ask("monitor", resource.replace(/_res$/, "")), PROBE_MS);
  }

  /** A signal takes effect before the next look: how soon a process dies must not decide a log. */
  #signalAtOnce(): void {
    const kill = process.kill.bind(process);
    vi.spyOn(process, "kill").mockImplementation((pid, signal) => {
      const sent = kill(pid, signal);
      const isDeadly = signal === "SIGKILL" || signal === "SIGTERM";
      if (isDeadly && this.emulators.isOurs(pid)) awaitEnd(pid, signal);
      return sent;
    });
  }
}

/** A process that is stopped heeds no SIGTERM. */
function awaitEnd(pid: number, signal: "SIGKILL" | "SIGTERM"): void {
  const isOver = signal === "SIGKILL" ? /[ZX]/ : /[ZXT]/;
  while (!isOver.test(stateOf(pid))) {
    // the process dies beside us
  }
}

/** X when it is not even in /proc any more. */
function stateOf(pid: number): string {
  try {
    return /^\d+ \(.*\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1] ?? "";
  } catch {
    return "X";
  }
}

export async function makeWorld(): Promise<World> {
  return new World(await mkdtemp(join(tmpdir(), "scenario-")));
}

/** The text of one file of a scenario's folder; empty when there is none. */
export async function readScenarioFile(folder: string, name: string): Promise<string> {
  return readFile(join(folder, name), "utf8").catch(() => "");
}
