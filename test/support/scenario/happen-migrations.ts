import { CODE, EVENT } from "../fakes/fake-domain.ts";
import type { Sentence } from "./sentence.ts";

/** The sentences of scenarios about guests that go to other hosts and come from them. */
export const MIGRATION_SENTENCES: readonly Sentence[] = [
  [/^(node\d) is a peer$/, ({ neighbours }, [system = ""]) => neighbours.add(system)],
  [/^(node\d) cannot be reached$/, ({ neighbours }, [system = ""]) => neighbours.of(system).stop()],
  [/^(node\d) can be reached$/, ({ neighbours }, [system = ""]) => neighbours.of(system).start()],
  [
    /^engine has (\w+) online on (node\d)$/,
    (world, [guest = "", system = ""]) => world.setOnlineElsewhere(guest, [system]),
  ],
  [/^engine has (\w+) online nowhere else$/, (world, [guest = ""]) => world.setOnlineElsewhere(guest, [])],
  [
    /^engine migrates (\w+) to (\w+)$/,
    (world, [guest = "", target = ""]) => void world.ask("migrate", guest, { target }),
  ],
  [/^engine runs guestmigrated of (\w+)$/, (world, [guest = ""]) => void world.act("guestmigrated", guest)],
  [
    /^a migration takes (\d+)s$/,
    ({ neighbours }, [seconds]) => {
      neighbours.durations.transferMs = Number(seconds) * 1000;
    },
  ],
  [
    /^the hand-over takes (\d+)s$/,
    ({ neighbours }, [seconds]) => {
      neighbours.durations.handOverMs = Number(seconds) * 1000;
    },
  ],
  [
    /^a migration fails: (.+)$/,
    ({ neighbours }, [why]) => {
      neighbours.durations.failure = why;
    },
  ],
  [
    /^(\w+) is migrated to (node\d) by hand$/,
    ({ neighbours }, [guest = "", system = ""]) => void neighbours.send(guest, system),
  ],
  [
    /^migration of (\w+) is aborted by hand$/,
    ({ libvirtd }, [guest = ""]) => libvirtd.abortJob(libvirtd.named(guest).uuid),
  ],
  [
    /^(\w+) comes from (node\d) by hand$/,
    ({ neighbours }, [guest = "", system = ""]) => void neighbours.fetch(guest, system),
  ],
  [
    /^(\w+) runs on (node\d)$/,
    ({ libvirtd, neighbours }, [guest = "", system = ""]) =>
      void neighbours.of(system).define(guest, CODE.booted, libvirtd.named(guest).uuid),
  ],
  [
    /^(\w+) has taken over on (node\d)$/,
    ({ libvirtd, neighbours }, [guest = "", system = ""]) =>
      void neighbours.of(system).define(guest, CODE.migrated, libvirtd.named(guest).uuid),
  ],
  [
    /^(\w+) stands still after its migration$/,
    ({ libvirtd }, [guest = ""]) => libvirtd.becomes(guest, CODE.pausedMigrating, EVENT.suspendedMigrated),
  ],
  [
    /^(\w+) goes on elsewhere in post-copy$/,
    ({ libvirtd }, [guest = ""]) => {
      libvirtd.named(guest).job = "outgoing";
      libvirtd.becomes(guest, CODE.postCopy, EVENT.suspendedPostCopy);
    },
  ],
  [
    /^post-copy of (\w+) breaks$/,
    ({ libvirtd }, [guest = ""]) =>
      libvirtd.becomes(guest, CODE.postCopyFailed, EVENT.suspendedPostCopyFailed),
  ],
  [
    /^emulator of (\w+) goes down$/,
    ({ libvirtd }, [guest = ""]) => libvirtd.becomes(guest, CODE.inShutdown, EVENT.shutdownByHost),
  ],
  [
    /^emulator of (\w+) is killed on (node\d)$/,
    ({ neighbours }, [guest = "", system = ""]) =>
      neighbours.of(system).end(guest, CODE.offCrashed, EVENT.stoppedFailed),
  ],
];
