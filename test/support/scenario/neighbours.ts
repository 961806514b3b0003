import { LibvirtCallError } from "../../../src/libvirt/errors.ts";
import type { ChangeableSettings } from "../fakes/default-settings.ts";
import type { EmulatorProcesses } from "../fakes/emulator-processes.ts";
import type { FakeHypervisor } from "../fakes/fake-hypervisor.ts";
import { FakeLibvirtd } from "../fakes/fake-libvirtd.ts";
import { failed, liveMigration } from "../fakes/fake-migration.ts";

const HERE = "qemu+tcp://node1/system";

/** How the migrations of a scenario go. */
interface Course {
  transferMs: number;
  handOverMs: number;
  /** What they fail with while set. */
  failure: string | undefined;
}

/** The other hosts of a scenario, by the names of their systems: their libvirtds, and guests on the way. */
export class Neighbours {
  readonly durations: Course = { transferMs: 3000, handOverMs: 200, failure: undefined };
  readonly #here: FakeLibvirtd;
  readonly #emulators: EmulatorProcesses;
  readonly #settings: ChangeableSettings;
  readonly #byUri = new Map<string, FakeLibvirtd>();

  constructor(here: FakeLibvirtd, emulators: EmulatorProcesses, settings: ChangeableSettings) {
    this.#here = here;
    this.#emulators = emulators;
    this.#settings = settings;
    here.onMigrate = (...asked) => {
      this.#failIfTold();
      return liveMigration(here, this.#byUri, this.durations)(...asked);
    };
  }

  /** A host whose libvirtd the configuration names. */
  add(system: string): void {
    const neighbour = new FakeLibvirtd();
    const uri = uriOf(system);
    this.#byUri.set(uri, neighbour);
    this.#settings.peers = new Map([...this.#settings.peers, [system, uri]]);
    neighbour.onMigrate = async (domain, _uri, aborted) => {
      this.#failIfTold();
      await this.#emulators.begin(domain.name, domain.uuid, ["-incoming", "defer"]);
      await liveMigration(neighbour, new Map([[HERE, this.#here]]), this.durations)(domain, HERE, aborted);
    };
  }

  of(system: string): FakeLibvirtd {
    const neighbour = this.#byUri.get(uriOf(system));
    if (neighbour === undefined) throw new Error(`${system} is no peer of this scenario`);
    return neighbour;
  }

  /** Opens a neighbour's libvirtd, as the product's opener does. */
  async open(uri: string, signal: AbortSignal): Promise<FakeHypervisor> {
    const neighbour = this.#byUri.get(uri);
    if (neighbour === undefined)
      throw new LibvirtCallError("no socket", `no libvirt daemon is reached at ${uri}`);
    return neighbour.open(signal);
  }

  /** Somebody migrates a guest from here. */
  send(guest: string, system: string): Promise<void> {
    return migrate(this.#here, guest, uriOf(system));
  }

  /** Somebody migrates a guest to here. */
  fetch(guest: string, system: string): Promise<void> {
    return migrate(this.of(system), guest, HERE);
  }

  #failIfTold(): void {
    if (this.durations.failure !== undefined) throw failed(this.durations.failure);
  }
}

/** What becomes of it is seen at both ends. */
function migrate(source: FakeLibvirtd, guest: string, destinationUri: string): Promise<void> {
  const asked = { destinationUri, params: [], flags: 0 };
  return source.migrate(source.named(guest).uuid, asked).catch(() => undefined);
}

function uriOf(system: string): string {
  return `qemu+tcp://${system}/system`;
}
