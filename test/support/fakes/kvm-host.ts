import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UNWATCHED } from "../../../src/beat.ts";
import type { Hypervisor } from "../../../src/kvm/hypervisor.ts";
import { KvmPlatform } from "../../../src/kvm/platform.ts";
import { LibvirtCallError } from "../../../src/libvirt/errors.ts";
import { type ChangeableSettings, defaultSettings } from "./default-settings.ts";
import { EmulatorProcesses } from "./emulator-processes.ts";
import { FakeLibvirtd } from "./fake-libvirtd.ts";
import { RecordingLog } from "./recording-log.ts";
import { VirtualClock } from "./virtual-clock.ts";

/** The product's platform over a fake libvirtd, with a virtual clock and real processes for emulators. */
export interface KvmHost {
  readonly clock: VirtualClock;
  readonly emulators: EmulatorProcesses;
  readonly libvirtd: FakeLibvirtd;
  /** The libvirtds of other systems, by the URIs that `settings.peers` may name; none else listens. */
  readonly others: Map<string, FakeLibvirtd>;
  readonly platform: KvmPlatform;
  readonly settings: ChangeableSettings;
  readonly log: RecordingLog;
  readonly runDirectory: string;
  stop(): Promise<void>;
}

/** Makes a host whose platform is connected. */
export async function makeKvmHost(
  wrap: (session: Hypervisor) => Hypervisor = (session) => session,
): Promise<KvmHost> {
  const runDirectory = await mkdtemp(join(tmpdir(), "kvm-host-"));
  const clock = new VirtualClock();
  const emulators = new EmulatorProcesses(runDirectory, (work) => clock.hold(work));
  const libvirtd = new FakeLibvirtd(emulators);
  const others = new Map<string, FakeLibvirtd>();
  const log = new RecordingLog();
  const settings = defaultSettings(runDirectory);
  const below = (name: string) => [join(runDirectory, name)];
  const platform = new KvmPlatform({
    places: {
      unitFolders: below("units"),
      settingsFiles: below("guests.conf"),
      scopeFolders: below("scopes"),
    },
    open: async (signal) => wrap(await libvirtd.open(signal)),
    openPeer: async ({ uri }, signal) => {
      const other = others.get(uri);
      if (other === undefined)
        throw new LibvirtCallError("no socket", `no libvirt daemon is reached at ${uri}`);
      return other.open(signal);
    },
    settings: () => settings,
    log,
  });
  const ending = new AbortController();
  const running = platform.run(UNWATCHED, ending.signal);
  await clock.settle();
  return {
    clock,
    emulators,
    libvirtd,
    others,
    platform,
    settings,
    log,
    runDirectory,
    async stop() {
      ending.abort();
      await running;
      await emulators.endAll();
      clock.stop();
      await rm(runDirectory, { recursive: true });
    },
  };
}
