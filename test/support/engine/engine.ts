import { setMaxListeners } from "node:events";
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { DEFAULT_TAIL, type TailEncoding } from "./arguments.ts";
import { readConfiguration } from "./cf-file.ts";
import { type CfConfiguration, flatten } from "./cf-values.ts";
import { runHaclus, runHasys } from "./cluster-commands.ts";
import { type ActionResult, type ClusterMember, ClusterStates } from "./cluster-states.ts";
import type { Phase } from "./decisions.ts";
import { EngineLog, type EngineLogEntry } from "./engine-log.ts";
import { type HaresHost, runHagrp, runHares } from "./hares-commands.ts";
import { type HaresFault, HaresServer } from "./hares-server.ts";
import { ResourceLoop } from "./resource-loop.ts";
import { ResourceSettings } from "./resource-settings.ts";
import { type KillScope, ScriptRunner } from "./script-runner.ts";

/** What a stand-in is started with. */
export interface EngineOptions {
  /** main.cf; a relative include is looked for beside it. */
  readonly mainCf: string;
  /** The name of this system, as SystemList has it. */
  readonly system: string;
  /** The folder with the scripts `open`, `monitor`, ... and `actions/`. */
  readonly agentDirectory: string;
  /** An own folder for this system: `bin/hares`, its socket, the output of scripts. Keep its path short. */
  readonly workDirectory: string;
  /** The environment of the scripts, beside PATH. */
  readonly env?: Readonly<Record<string, string>>;
  /** What precedes a script to run it on this system's host; nothing for this machine. */
  readonly command?: () => readonly string[];
  /** Shared by the stand-ins of all systems of the cluster. */
  readonly cluster?: ClusterStates;
  /** Gets a line for each entry of the log. */
  readonly logFile?: string;
  /** Whom a timeout kills; the script alone when not said. */
  readonly killScope?: KillScope;
  readonly tail?: Partial<TailEncoding>;
  /** False: ActionTimeout holds even when it is more than half of MonitorInterval. */
  readonly capsActions?: boolean;
  /** Takes a resource offline where it comes up second. */
  readonly endsViolations?: boolean;
}

/** No attribute sets this one. */
const SHUTDOWN_TIMEOUT_S = 60;

/** Reads the configuration, listens for `hares`, opens and probes each resource of this system. */
export async function startEngine(options: EngineOptions): Promise<EngineStandIn> {
  const configuration = await readConfiguration(options.mainCf);
  await mkdir(options.workDirectory, { recursive: true });
  const engine = new EngineStandIn(configuration, options);
  await engine.start();
  return engine;
}

/**
 * What engine and agent framework do for the resources of one system: README.md beside this file says what of
 * it stands in the documents, what is inferred, and what is left out.
 */
export class EngineStandIn implements ClusterMember {
  readonly system: string;
  readonly log: EngineLog;
  readonly cluster: ClusterStates;
  /** Holds the executable `hares`; for PATH. */
  readonly binDirectory: string;
  /** False when a configuration change is to be refused, as before `haconf -makerw`. */
  isWritable = true;
  readonly #options: EngineOptions;
  readonly #settings = new Map<string, ResourceSettings>();
  readonly #groups: CfConfiguration["groups"];
  readonly #loops = new Map<string, ResourceLoop>();
  readonly #runner: ScriptRunner;
  readonly #hares: HaresServer;
  readonly #stopping = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  #stopped: Promise<void> | undefined;

  constructor(configuration: CfConfiguration, options: EngineOptions) {
    this.#options = options;
    this.#groups = configuration.groups;
    this.system = options.system;
    this.cluster = options.cluster ?? new ClusterStates();
    this.log = new EngineLog(options.system, options.logFile);
    this.binDirectory = join(resolve(options.workDirectory), "bin");
    this.#runner = this.#newRunner();
    setMaxListeners(0, this.#stopping.signal); // each resource listens
    this.#hares = new HaresServer(
      (program, argv) => this.#runCommand(program, argv),
      (argv) => this.#logHares(argv),
    );
    const { system } = this;
    for (const resource of configuration.resources.values()) {
      const settings = new ResourceSettings(configuration, resource, {
        system,
        capsActions: options.capsActions ?? true,
      });
      this.#settings.set(resource.name, settings);
      for (const secret of settings.secrets()) this.log.hide(secret);
      const isHere = configuration.groups.get(resource.group)?.systems.includes(system) ?? false;
      if (isHere) this.#loops.set(resource.name, this.#newLoop(settings));
    }
  }

  /** Called by `startEngine`. */
  async start(): Promise<void> {
    await this.#hares.start(this.binDirectory);
    this.cluster.join(this.system, this);
    this.#running = Promise.all([...this.#loops.values()].map((loop) => loop.run(this.#stopping.signal)));
  }

  /** A way for `hares` to hang or fail; undefined when it works. */
  get haresFault(): HaresFault | undefined {
    return this.#hares.fault;
  }

  set haresFault(fault: HaresFault | undefined) {
    this.#hares.fault = fault;
  }

  /** The names of the resources that run on this system. */
  get resources(): readonly string[] {
    return [...this.#loops.keys()];
  }

  /** As `hares -state` prints it, as `ONLINE|STATE UNKNOWN`. */
  state(resource: string): string {
    return this.#loop(resource).state;
  }

  /** Of the last report, 10 to 100; 0 when it was not ONLINE. */
  confidence(resource: string): number {
    return this.#loop(resource).confidence;
  }

  /** What is under way for the resource. */
  phase(resource: string): Phase {
    return this.#loop(resource).phase;
  }

  /** Resolves with the state when the transition has ended, however it did. */
  online(resource: string): Promise<string> {
    return this.#loop(resource).online();
  }

  /** Resolves with the state when the transition has ended, however it did. */
  offline(resource: string): Promise<string> {
    return this.#loop(resource).offline();
  }

  /** Migrates an ONLINE resource; resolves with its state here when that has ended, however it did. */
  migrate(resource: string, target: string): Promise<string> {
    return this.#loop(resource).migrate(target);
  }

  /** Asks for a monitor; resolves with the state after it. */
  probe(resource: string): Promise<string> {
    return this.#loop(resource).probe();
  }

  /** Forgets a fault and probes; resolves with the state after that. */
  clear(resource: string): Promise<string> {
    return this.#loop(resource).clear();
  }

  /** `Enabled = 1`: open, then a probe; resolves with the state after it. */
  enable(resource: string): Promise<string> {
    this.#loop(resource).settings.set("Enabled", ["1"]);
    return this.#loop(resource).enable();
  }

  /** `Enabled = 0`: close, and no entry point any more. */
  disable(resource: string): Promise<void> {
    this.#loop(resource).settings.set("Enabled", ["0"]);
    return this.#loop(resource).disable();
  }

  requestProbe(resource: string): void {
    void this.#loops.get(resource)?.probe();
  }

  requestOnline(resource: string): void {
    void this.#loops.get(resource)?.online();
  }

  awaitArrival(resource: string): void {
    this.#loops.get(resource)?.awaitArrival();
  }

  /** Runs an action of the agent here, whether or not the type supports it. */
  action(resource: string, token: string, args: readonly string[] = []): Promise<ActionResult> {
    return this.#loop(resource).action(token, args);
  }

  value(resource: string, attribute: string): readonly string[] | undefined {
    const found = this.#settings.get(resource)?.value(attribute);
    return found === undefined ? undefined : flatten(found);
  }

  isLocal(resource: string, attribute: string): boolean {
    return this.#settings.get(resource)?.isLocal(attribute) === true;
  }

  makeLocal(resource: string, attribute: string): void {
    this.#settings.get(resource)?.makeLocal(attribute);
  }

  /**
   * Sets a value on this system; attr_changed is queued when RegList names the attribute.
   *
   * @param values one word, the items of a list, or keys and values in turn: the whole new value
   * @throws {CfError} when there is no such attribute, or the words do not fit it
   */
  modify(resource: string, attribute: string, values: readonly string[]): void {
    const settings = this.#settings.get(resource);
    if (settings === undefined) throw new Error(`no resource ${resource}`);
    settings.set(attribute, values);
    for (const secret of settings.secrets()) this.log.hide(secret);
    this.log.add("modified", resource, { args: [attribute, ...values] });
    const loop = this.#loops.get(resource);
    if (loop === undefined) return;
    if (attribute === "Enabled") void (settings.isEnabled() ? loop.enable() : loop.disable());
    if (settings.names("RegList").includes(attribute)) void loop.attributeChanged(attribute, values);
  }

  /** Resolves when each enabled resource has had a report that was not UNKNOWN. */
  async probed(limitMs = 30_000): Promise<void> {
    const isDone = (): boolean =>
      [...this.#loops.values()].every((loop) => loop.isProbed || !loop.settings.isEnabled());
    if (!isDone()) await this.waitFor(isDone, limitMs, this.log.entries.length);
  }

  /** The first entry of the log that fits, of those from `from` on; rejects after `limitMs`. */
  waitFor(
    predicate: (entry: EngineLogEntry) => boolean,
    limitMs?: number,
    from?: number,
  ): Promise<EngineLogEntry> {
    return this.log.waitFor(predicate, limitMs, from);
  }

  /**
   * Ends all scripts, runs `shutdown` as an agent process does before it exits, and leaves the cluster.
   *
   * @param how abrupt: as if the agent process had been killed, without `shutdown`
   */
  stop(how: "orderly" | "abrupt" = "orderly"): Promise<void> {
    this.#stopped ??= this.#stop(how);
    return this.#stopped;
  }

  async #stop(how: "orderly" | "abrupt"): Promise<void> {
    this.#stopping.abort();
    this.#runner.close();
    await this.#running;
    if (how === "orderly") await this.#shutdown();
    this.cluster.leave(this.system);
    await this.#hares.stop();
  }

  async #shutdown(): Promise<void> {
    const runner = this.#newRunner();
    const startedAt = performance.now();
    const end = await runner.run("shutdown", [], SHUTDOWN_TIMEOUT_S);
    runner.close();
    const ms = performance.now() - startedAt;
    if (end.kind !== "exited") return;
    this.log.add("entry point ended", "", { entryPoint: "shutdown", exitCode: end.exitCode, ms });
  }

  #logHares(argv: readonly string[]): void {
    const password = argv[argv.indexOf("Password") + 1];
    if (argv.includes("Password") && password !== undefined) this.log.hide(password);
    this.log.add("hares", argv[1] ?? "", { args: argv });
  }

  #runCommand(program: string, argv: readonly string[]): ReturnType<typeof runHares> {
    const host: HaresHost = {
      system: this.system,
      states: this.cluster,
      isReadOnly: !this.isWritable,
      settings: this.#settings,
      groups: this.#groups,
    };
    switch (program) {
      case "hagrp":
        return runHagrp(argv, host);
      case "hasys":
        return Promise.resolve(runHasys(argv, host));
      case "haclus":
        return Promise.resolve(runHaclus(argv, host));
      default:
        return runHares(argv, host);
    }
  }

  #loop(resource: string): ResourceLoop {
    const loop = this.#loops.get(resource);
    if (loop === undefined) throw new Error(`no resource ${resource} on system ${this.system}`);
    return loop;
  }

  #newLoop(settings: ResourceSettings): ResourceLoop {
    return new ResourceLoop({
      system: this.system,
      settings,
      log: this.log,
      states: this.cluster,
      runner: this.#runner,
      tail: { ...DEFAULT_TAIL, ...this.#options.tail },
      endsViolations: this.#options.endsViolations ?? false,
    });
  }

  #newRunner(): ScriptRunner {
    const { agentDirectory, workDirectory, env, killScope, command } = this.#options;
    return new ScriptRunner({
      directory: resolve(agentDirectory),
      workDirectory: resolve(workDirectory),
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...env },
      killScope: killScope ?? "process",
      command: command ?? (() => []),
    });
  }
}
