import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Cluster, type ClusterOptions, makeCluster } from "../host/cluster.ts";
import type { LogLine } from "../host/daemon-process.ts";
import { clientsAt } from "../ipc/processes.ts";
import { attentiveFiles, startAttentive, tell } from "../lab/boot-sector.ts";
import { hostsOfEmulators } from "../lab/emulators.ts";
import { emulatorPid } from "../lab/guest.ts";
import { type GuestFiles, guestFiles } from "../lab/guest-files.ts";
import type { GuestOptions } from "../lab/guest-xml.ts";
import { holdMigrations, letGo } from "../lab/hold.ts";
import { migrateGuest } from "../lab/migrate.ts";
import { until } from "../lab/until.ts";
import { MigrationWatch } from "./migration-watch.ts";

const SYSTEMS = ["node1", "node2"] as const;
type System = (typeof SYSTEMS)[number];

const PEERS = `peers:
  node1: { uri: "qemu+tcp://node1/system" }
  node2: { uri: "qemu+tcp://node2/system" }
monitorIntervalS: 1`;

/** Quick looks; nothing is started again by an engine, so that a fault stays to be seen. */
const ATTRIBUTES =
  "Enabled = 0 MonitorInterval = 1 OfflineMonitorInterval = 1 MigrateWaitLimit = 1 RestartLimit = 0 OnlineRetryLimit = 0 DelayAfterGuestOnline = 1";

/** What is true of a trial's guest once everything has come to rest. */
export interface Rest {
  /** The hosts on which an emulator of it lives, one entry an emulator. */
  readonly emulators: readonly string[];
  /** What the engine of node1 and that of node2 show of it, after a monitor of each: `ONLINE`. */
  readonly states: readonly [string, string];
  /** What engines did against faults, in order: `node1 clean`. */
  readonly deeds: readonly string[];
  /** How often both engines held it for ONLINE at a time. */
  readonly bothOnline: number;
}

/** A cluster of node1 and node2 for trials of migrations, one resource for each. */
export interface Trials {
  readonly cluster: Cluster;
  /** What a system's daemon is configured with beside its paths. */
  readonly configuration: (system: string) => string;
  /** Starts the guest of a trial on node1, where its migrations last until letGo() or an end by force. */
  begin(name: string, guest?: Partial<GuestOptions>): Promise<Trial>;
  stop(): Promise<void>;
}

/**
 * @param names of the trials: of their guests and resources too; the value is what main.cf has beside the usual
 */
export async function makeTrials(
  names: Readonly<Record<string, string>>,
  options: ClusterOptions = {},
): Promise<Trials> {
  const configuration = (system: string) => `${PEERS}\n${options.configuration?.(system) ?? ""}`;
  const cluster = await makeCluster(SYSTEMS, { ...options, configuration });
  const files = await attentiveFiles(cluster.on("node1").libvirtd, await guestFiles());
  const resources = Object.entries(names).map(
    ([name, more]) => `KVMGuest ${name} ( GuestName = ${name} ${ATTRIBUTES} ${more} )`,
  );
  // the engine would give an action half of so short a MonitorInterval
  await cluster.start(resources.join("\n"), { capsActions: false });
  return {
    cluster,
    configuration,
    begin: async (name, guest = {}) => {
      const trial = new Trial(cluster, name, files);
      await trial.begin(guest);
      return trial;
    },
    stop: () => cluster.stop(),
  };
}

/** One guest, born on node1 and known to both engines. */
export class Trial {
  readonly name: string;
  readonly uuid = randomUUID();
  readonly files: GuestFiles;
  readonly #cluster: Cluster;
  readonly #from: ReadonlyMap<System, number>;
  #watch: MigrationWatch | undefined;

  /** Use Trials.begin(). */
  constructor(cluster: Cluster, name: string, files: GuestFiles) {
    this.name = name;
    this.files = files;
    this.#cluster = cluster;
    this.#from = new Map(SYSTEMS.map((system) => [system, cluster.on(system).daemon.lines.length]));
  }

  async begin(guest: Partial<GuestOptions>): Promise<void> {
    const { libvirtd } = this.#cluster.on("node1");
    await startAttentive(libvirtd, this.name, this.files, { uuid: this.uuid, migrates: true, ...guest });
    await tell(libvirtd, this.name, "scribble");
    await holdMigrations(libvirtd, this.name);
    const logs = new Map(SYSTEMS.map((system) => [system, this.#cluster.on(system).engine.log]));
    this.#watch = new MigrationWatch(this.#cluster.states, logs, this.name);
    await Promise.all(SYSTEMS.map((system) => this.#cluster.on(system).engine.enable(this.name)));
  }

  /** Has the engine migrate it to node2, and waits until that is under way; `ended` is the engine's end of it. */
  async migrate(): Promise<{ readonly ended: Promise<string> }> {
    const ended = this.#cluster.on("node1").engine.migrate(this.name, "node2");
    await this.underWay();
    return { ended };
  }

  /**
   * Calls the entry point migrate by itself, whatever the engine would do, to its end.
   *
   * @param more tuples of the call beside GuestName
   * @returns why it failed, as the daemon logged it; undefined when it did not
   */
  async callMigrate(target: string, more: readonly string[] = []): Promise<string | undefined> {
    const failures = () => this.said("node1", "entry point failed", { entryPoint: "migrate" });
    const before = failures().length;
    const tuples = ["GuestName", "1", this.name, ...more, "VCSInfo", "2", "TargetHost", target];
    await this.#cluster.on("node1").shim("migrate", this.name, ...tuples, "AEPTimeout", "1", "60");
    const error = failures()[before]?.["err"];
    return isError(error) ? error.message : undefined;
  }

  /** Migrates it with virsh, behind the engine's back; `ended` is undefined or what virsh said. */
  async migrateByHand(): Promise<{ readonly ended: Promise<string | undefined> }> {
    const { lab } = this.#cluster;
    const ended = migrateGuest(this.name, lab.on("node1"), lab.on("node2")).then(
      () => undefined,
      (error: unknown) => String(error),
    );
    await this.underWay();
    return { ended };
  }

  /** Waits until its memory is on the way. */
  async underWay(): Promise<void> {
    const { libvirtd } = this.#cluster.on("node1");
    await until(`${this.name} is on its way`, async () => {
      const job = await libvirtd.virsh("domjobinfo", this.name);
      return /^Data processed:\s+[1-9]/m.test(job);
    });
    await emulatorPid(this.#cluster.on("node2").libvirtd, this.name);
  }

  /** Lets the migration go on at full speed. */
  letGo(): Promise<void> {
    return letGo(this.#cluster.on("node1").libvirtd, this.name);
  }

  /** Kills the shim that waits for the end of its migration, as the framework does at MigrateTimeout. */
  async killShim(): Promise<void> {
    const clients = await clientsAt(this.#cluster.on("node1").socket);
    const shim = clients.find(({ argv }) => argv[0]?.includes("/migrate "));
    if (shim === undefined) throw new Error("no shim waits for a migration");
    process.kill(await this.#cluster.lab.on("node1").outsidePid(shim.shimPid), "SIGKILL");
  }

  /** Where its emulators live now. */
  emulators(): Promise<readonly string[]> {
    return hostsOfEmulators(this.uuid, this.#cluster.lab.hosts);
  }

  /**
   * Waits until the engines show these states, then has both look once more, and tells what is true.
   *
   * @throws {Error} they do not; the message holds what they show
   */
  async rest(states: readonly [string, string]): Promise<Rest> {
    const wanted = states.join(" and ");
    const shown = () => SYSTEMS.map((system) => this.#cluster.states.get(system, this.name) ?? "");
    const isSteady = () => this.#here().every((system) => this.#engine(system).phase(this.name) === "steady");
    try {
      await until("the engines", () => isSteady() && shown().join(" and ") === wanted);
    } catch (error) {
      const words = `the engines show ${shown().join(" and ")} of ${this.name}, and not ${wanted}`;
      throw new Error(words, { cause: error });
    }
    await Promise.all(this.#here().map((system) => this.#engine(system).probe(this.name)));
    const [one = "", two = ""] = shown();
    const { bothOnline = 0, deeds = [] } = this.#watch ?? {};
    return { emulators: await this.emulators(), states: [one, two], deeds, bothOnline };
  }

  /** Why the last monitor on a system answered so. */
  reason(system: System): string {
    const monitors = this.said(system, "entry point ended", { entryPoint: "monitor" });
    return String(monitors.at(-1)?.["reason"]);
  }

  /** The migration record that a system has of it on disk; undefined for none. */
  record(system: System): Promise<unknown> {
    return this.#onDisk(system, "migrations");
  }

  /** The registration that a system has of its resource on disk; undefined for none. */
  registration(system: System): Promise<unknown> {
    return this.#onDisk(system, "registrations");
  }

  async #onDisk(system: System, folder: string): Promise<unknown> {
    const file = join(this.#cluster.on(system).stateDirectory, folder, `${this.name}.json`);
    const text = await readFile(file, "utf8").catch(() => undefined);
    return text === undefined ? undefined : JSON.parse(text);
  }

  /** Lines with this message that a daemon logged of this guest or its resource. */
  said(system: System, message: string, fields: Readonly<Record<string, unknown>> = {}): readonly LogLine[] {
    const { daemon } = this.#cluster.on(system);
    const lines = new Set(daemon.lines.slice(this.#from.get(system)));
    return daemon
      .said(message, fields)
      .filter((line) => lines.has(line) && (line["guest"] === this.name || line["resource"] === this.name));
  }

  /** Ends what is left of it on both hosts. */
  async end(): Promise<void> {
    this.#watch?.end();
    for (const system of this.#here()) {
      await this.#engine(system).disable(this.name);
      const { libvirtd } = this.#cluster.on(system);
      await libvirtd.virsh("destroy", this.name).catch(() => {}); // it does not run there
      await libvirtd.virsh("undefine", this.name).catch(() => {}); // it is not defined there
    }
  }

  #engine(system: System) {
    return this.#cluster.on(system).engine;
  }

  /** The systems that have power. */
  #here(): readonly System[] {
    return SYSTEMS.filter((system) => this.#cluster.states.member(system) !== undefined);
  }
}

function isError(value: unknown): value is { readonly message: string } {
  return (
    typeof value === "object" && value !== null && "message" in value && typeof value.message === "string"
  );
}
