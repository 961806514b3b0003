import { parseStateOverrides } from "../../../src/kvm/state-overrides.ts";
import { type Agent, CODE, EVENT } from "../fakes/fake-domain.ts";
import { MIGRATION_SENTENCES } from "./happen-migrations.ts";
import type { Sentence } from "./sentence.ts";
import type { World } from "./world.ts";

const AGENTS: Readonly<Record<string, Agent>> = {
  "is silent": "silent",
  "is frozen": "frozen",
  "is not connected": "not connected",
};

/** The sentences of scenarios. The parentheses are the words that a deed gets. */
const SENTENCES: readonly Sentence[] = [
  ...MIGRATION_SENTENCES,
  [/^nothing more$/, () => undefined],

  [/^daemon starts$/, (world) => world.startDaemon()],
  [/^daemon stops$/, (world) => world.stopDaemon()],
  [
    /^configuration says guestPowerOff: (fault|intentional)$/,
    ({ settings }, [policy]) => {
      settings.guestPowerOff = policy === "intentional" ? "intentional" : "fault";
    },
  ],
  [
    /^configuration says states: "(.+)": (.+)$/,
    ({ settings }, [row = "", answer = ""]) => {
      const { overrides, problems } = parseStateOverrides({ [row]: answer });
      if (problems.length > 0) throw new Error(problems.join("; "));
      settings.overrides = overrides;
    },
  ],

  [
    /^configuration says ioErrorPause: resume$/,
    (world) => {
      world.resumesStalled = true;
    },
  ],

  [/^libvirtd stops$/, ({ libvirtd }) => libvirtd.stop()],
  [/^libvirtd starts$/, ({ libvirtd }) => libvirtd.start()],
  [/^libvirtd hangs$/, ({ libvirtd }) => libvirtd.hang()],
  [/^libvirtd goes on$/, ({ libvirtd }) => libvirtd.goOn()],

  [
    /^engine polls (\w+) every (\d+)s$/,
    (world, [guest = "", seconds]) => world.poll(guest, Number(seconds) * 1000),
  ],
  [/^engine is down$/, (world) => world.setEngineDown(true)],
  [/^engine is up$/, (world) => world.setEngineDown(false)],
  [
    /^engine sets (\w+) = (\S.*)$/,
    (world, [name = "", values = ""]) => world.setAttribute(name, values.split(" ")),
  ],
  [/^engine opens (\w+)$/, (world, [guest = ""]) => void world.ask("open", guest)],
  [/^engine closes (\w+)$/, (world, [guest = ""]) => void world.ask("close", guest)],
  [/^engine monitors (\w+)$/, (world, [guest = ""]) => void world.ask("monitor", guest)],
  [/^engine brings (\w+) online$/, (world, [guest = ""]) => void world.ask("online", guest)],
  [/^engine takes (\w+) offline$/, (world, [guest = ""]) => void world.ask("offline", guest)],
  [
    /^engine cleans (\w+), reason (\d+)$/,
    (world, [guest = "", reason]) => void world.ask("clean", guest, { reason: Number(reason) }),
  ],

  [/^(\w+) is defined$/, ({ libvirtd }, [guest = ""]) => void libvirtd.define(guest)],
  [
    /^(\w+) is started by hand$/,
    async ({ libvirtd }, [guest = ""]) => {
      await libvirtd.create(libvirtd.named(guest).uuid);
    },
  ],
  [/^(\w+) powers off from inside$/, ({ libvirtd }, [guest = ""]) => void libvirtd.powerOff(guest)],
  [/^(\w+) reboots$/, ({ libvirtd }, [guest = ""]) => libvirtd.reboot(guest)],
  [
    /^agent of (\w+) (answers|is silent|is frozen|is not connected)$/,
    ({ libvirtd }, [guest = "", how = ""]) => {
      libvirtd.named(guest).agent = AGENTS[how] ?? "answers";
    },
  ],
  [
    /^emulator of (\w+) is (frozen|thawed)$/,
    ({ libvirtd, emulators }, [guest = "", how]) =>
      emulators.freeze(libvirtd.named(guest).uuid, how === "frozen"),
  ],
  [
    /^emulator of (\w+) is killed$/,
    ({ libvirtd }, [guest = ""]) => libvirtd.end(guest, CODE.offCrashed, EVENT.stoppedFailed),
  ],
  [
    /^emulator of (\w+) is terminated$/,
    ({ libvirtd }, [guest = ""]) =>
      libvirtd.end(guest, CODE.offShutdown, EVENT.shutdownByHost, EVENT.stoppedShutdown),
  ],
  [
    /^(\w+) is destroyed by hand$/,
    ({ libvirtd }, [guest = ""]) =>
      libvirtd.end(guest, CODE.offDestroyed, EVENT.shutdownByHost, EVENT.stoppedDestroyed),
  ],
  [
    /^(\w+) is saved$/,
    async ({ libvirtd }, [guest = ""]) => {
      libvirtd.becomes(guest, CODE.pausedSaving, EVENT.suspendedPaused);
      await libvirtd.end(guest, CODE.offSaved, EVENT.stoppedSaved);
    },
  ],
  [
    /^(\w+) is being saved$/,
    ({ libvirtd }, [guest = ""]) => libvirtd.becomes(guest, CODE.pausedSaving, EVENT.suspendedPaused),
  ],
  [
    /^save of (\w+) ends$/,
    ({ libvirtd }, [guest = ""]) => libvirtd.end(guest, CODE.offSaved, EVENT.stoppedSaved),
  ],
  [
    /^(\w+) is suspended$/,
    ({ libvirtd }, [guest = ""]) => libvirtd.becomes(guest, CODE.pausedByUser, EVENT.suspendedPaused),
  ],
  [
    /^(\w+) is resumed$/,
    ({ libvirtd }, [guest = ""]) => libvirtd.becomes(guest, CODE.unpaused, EVENT.resumedUnpaused),
  ],
  [
    /^(\w+) falls asleep$/,
    ({ libvirtd }, [guest = ""]) => libvirtd.becomes(guest, CODE.asleep, EVENT.pmSuspended),
  ],
  [
    /^a disk of (\w+) fails$/,
    ({ libvirtd }, [guest = ""]) => libvirtd.becomes(guest, CODE.pausedByIoError, EVENT.suspendedIoError),
  ],
  [
    /^a disk of (\w+) fails again and again$/,
    ({ libvirtd }, [guest = ""]) => {
      libvirtd.named(guest).diskFails = true;
      libvirtd.becomes(guest, CODE.pausedByIoError, EVENT.suspendedIoError);
    },
  ],
  [
    /^disks of (\w+) are back$/,
    ({ libvirtd }, [guest = ""]) => {
      libvirtd.named(guest).diskFails = false;
    },
  ],
  [
    /^(\w+) panics and is kept$/,
    ({ libvirtd }, [guest = ""]) => libvirtd.becomes(guest, CODE.panicked, EVENT.crashedPanicked),
  ],
  [
    /^migration of (\w+) hands over$/,
    ({ libvirtd }, [guest = ""]) => {
      libvirtd.named(guest).job = "outgoing";
      libvirtd.becomes(guest, CODE.pausedMigrating, EVENT.suspendedMigrated);
    },
  ],
  [
    /^migration of (\w+) ends$/,
    async ({ libvirtd }, [guest = ""]) => {
      await libvirtd.end(guest, CODE.offMigrated, EVENT.stoppedMigrated);
      libvirtd.named(guest).job = "none";
    },
  ],
  [
    /^(\w+) obeys a shutdown after (\d+)s$/,
    ({ libvirtd }, [guest = "", seconds]) => {
      libvirtd.named(guest).obeysAfterMs = Number(seconds) * 1000;
    },
  ],
  [
    /^(\w+) ignores every shutdown$/,
    ({ libvirtd }, [guest = ""]) => {
      libvirtd.named(guest).obeysAfterMs = undefined;
    },
  ],
  [
    /^(\w+) cannot be started: (.+)$/,
    ({ libvirtd }, [guest = "", why]) => {
      libvirtd.named(guest).startFailure = why;
    },
  ],
  [
    /^a start takes (\d+)s$/,
    ({ libvirtd }, [seconds]) => {
      libvirtd.startMs = Number(seconds) * 1000;
    },
  ],
  [
    /^a destroy takes (\d+)s$/,
    ({ libvirtd }, [seconds]) => {
      libvirtd.destroyMs = Number(seconds) * 1000;
    },
  ],
];

/** Does what one sentence of a scenario says; fails on a sentence that nobody understands. */
export async function happen(world: World, text: string): Promise<void> {
  for (const [pattern, deed] of SENTENCES) {
    const found = pattern.exec(text);
    if (found !== null) return deed(world, found.slice(1));
  }
  throw new Error(`no deed for "${text}"`);
}
