import { DevScans } from "../../daemon/dev-scans.ts";
import { hostDebtStore } from "../../daemon/host-debt-store.ts";
import { HostDebts } from "../../daemon/host-debts.ts";
import type { Attributes } from "../../src/attributes.ts";
import type { Log } from "../../src/log.ts";
import { type FencingSettings, ManualFencing } from "../../src/rhev/manual-fencing.ts";
import { type ScanManager, type ScanSettings, SpmScanner } from "../../src/rhev/spm-scanner.ts";
import { FakeEngine } from "./fakes/fake-engine.ts";
import { attributesOfGuest } from "./fakes/resources.ts";

/** What differs from one test of scans to the next. */
export interface ScanHostOptions {
  readonly manager: ScanManager;
  /** State directory; hosts that are owed are kept below it. */
  readonly folder: string;
  readonly log: Log;
  readonly fencing?: Partial<FencingSettings>;
  readonly settings?: Partial<ScanSettings>;
}

/** The cluster's engine, fencing and scans of one daemon on system node1, with short pauses. */
export class ScanHost {
  readonly engine = new FakeEngine();
  readonly fencing: ManualFencing;
  readonly scanner: SpmScanner;
  readonly debts: HostDebts;
  readonly scans: DevScans;
  readonly #ending = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor({ manager, folder, log, fencing, settings }: ScanHostOptions) {
    this.engine.systems.set("node1", "RUNNING");
    this.engine.clusterValues.set("UseFence", "SCSI3");
    this.fencing = new ManualFencing({
      engine: this.engine,
      settings: () => ({
        ownSystem: "node1",
        hostOf: () => undefined,
        remoteClusterOf: () => undefined,
        ...fencing,
      }),
      log,
      pollMs: 20,
    });
    this.scanner = new SpmScanner({
      manager: () => manager,
      fencing: this.fencing,
      settings: () => ({ deviceCommand: undefined, spmWaitMs: 60_000, movesGuests: false, ...settings }),
      log,
      pollMs: 20,
    });
    const { scanner } = this;
    this.debts = new HostDebts({ scanner, store: hostDebtStore(folder, log), log, attemptMs: 20 });
    this.scans = new DevScans({ scanner, debts: this.debts, log, waitMs: 20 }, this.#ending.signal);
  }

  /** As the daemon starts it. */
  async start(): Promise<void> {
    await this.debts.load();
    this.#running = this.debts.run(this.#ending.signal);
  }

  /** As the daemon ends it: what runs is given up. */
  async stop(): Promise<void> {
    this.#ending.abort(new Error("the daemon ends"));
    await this.#running;
  }
}

/** A resource of RHEV-M in the cluster EAST, or another. */
export function rhevAttributes(changes: Partial<Attributes["rhevmInfo"]> = {}): Attributes {
  const rhevmInfo = {
    enabled: true,
    url: "https://rhevm.example.com",
    user: "admin@internal",
    cluster: "EAST",
    useManualRhevmFencing: true,
    ...changes,
  };
  return attributesOfGuest("web1", { rhevmInfo });
}
