import type { Host } from "../support/host/host.ts";
import { defineGuest, emulatorPid, guestPaths, killEmulator, waitForMarker } from "../support/lab/guest.ts";
import { guestFiles } from "../support/lab/guest-files.ts";
import { until } from "../support/lab/until.ts";
import { EngineNarrator } from "./engine-narrator.ts";
import { expectState, storyOfOneHost } from "./story.ts";
import type { Timeline } from "./timeline.ts";

const GUEST = "web1";
const RESOURCE = "web1_vm";

/** Intervals are short so that nobody waits; what is shown at once is shown by events, not by these. */
const RESOURCES = `    KVMGuest ${RESOURCE} (
        GuestName = ${GUEST}
        DelayAfterGuestOnline = 2
        DelayAfterGuestOffline = 60
        MonitorInterval = 20
        OfflineMonitorInterval = 20
        RestartLimit = 1
        )`;

/** One guest of plain KVM, a real Linux, kept. */
export const kvmStory = storyOfOneHost("one guest, kept", tell);

async function tell(host: Host, timeline: Timeline): Promise<void> {
  const { libvirtd } = host;
  const paths = guestPaths(libvirtd, GUEST);

  timeline.chapter(
    "1. A host: libvirtd, the daemon, the shims in the agent's directory, an engine that runs them.",
  );
  const files = await guestFiles();
  timeline.line(
    "demo",
    `the guest is a real Linux under QEMU (${files.accel === "kvm" ? "KVM" : "TCG, no usable KVM here"})`,
  );
  await defineGuest(libvirtd, { name: GUEST, files, ...paths });
  await host.daemon.start();
  const engine = await host.startEngine(RESOURCES);
  const narrator = new EngineNarrator(engine.log, timeline);
  await until("the first probe", () => engine.state(RESOURCE) === "OFFLINE");

  timeline.chapter(`2. hares -online ${RESOURCE}: the engine runs the shim "online".`);
  expectState(await engine.online(RESOURCE), "ONLINE");
  timeline.line("guest", await waitForMarker(paths.serialLog, "READY"));

  timeline.chapter("3. kill -9 of the emulator: nobody told the engine, the daemon does.");
  const killed = await killEmulator(libvirtd, GUEST);
  timeline.line("demo", `kill -9 ${killed}`);
  await until("a new emulator", async () => (await emulatorPid(libvirtd, GUEST)) !== killed);
  await until(
    "the restart",
    () => engine.state(RESOURCE) === "ONLINE" && engine.phase(RESOURCE) === "steady",
  );
  await waitForMarker(paths.serialLog, "READY");

  timeline.chapter(
    "4. The administrator suspends the guest: intentional offline, no fault, nothing is restarted.",
  );
  await libvirtd.virsh("suspend", GUEST);
  timeline.line("demo", `virsh suspend ${GUEST}`);
  await until("intentional offline", () => engine.state(RESOURCE) === "OFFLINE");
  await libvirtd.virsh("resume", GUEST);
  timeline.line("demo", `virsh resume ${GUEST}`);
  await until("the resume", () => engine.state(RESOURCE) === "ONLINE");

  timeline.chapter(`5. hares -offline ${RESOURCE}: the guest is asked to shut down, and does.`);
  expectState(await engine.offline(RESOURCE), "OFFLINE");
  timeline.line("libvirt", `says: ${(await libvirtd.virsh("domstate", "--reason", GUEST)).trim()}`);
  narrator.end();
}
