import type { Connection } from "../src/libvirt/connection.ts";
import { LIFECYCLE_EVENT } from "../src/libvirt/constants.ts";
import { openConnection } from "../src/libvirt/open.ts";
import { is } from "../test/support/engine/engine-log.ts";
import type { Host } from "../test/support/host/host.ts";
import { defineGuest, emulatorPid } from "../test/support/lab/guest.ts";
import { guestFiles } from "../test/support/lab/guest-files.ts";
import { until } from "../test/support/lab/until.ts";
import { benchmark } from "./support/bench-host.ts";
import { median, quantile, say, sayResult } from "./support/figures.ts";

const GUEST = "bench1";
const RESOURCE = "bench1_vm";
const WARM_UP = 3;
const KILLS = 60;

/** Source: libvirt-domain.h, virDomainEventID: life cycle. */
const LIFECYCLE = 0;

/** The engine brings the guest up again after each kill, and asks by itself only once an hour. */
const RESOURCES = `KVMGuest ${RESOURCE} (
  GuestName = ${GUEST}
  DelayAfterGuestOnline = 1
  MonitorInterval = 3600
  OfflineMonitorInterval = 3600
  RestartLimit = 1000
  )`;

/** Milliseconds from the kill. */
interface Detection {
  /** until a bare client got libvirt's event */
  readonly eventMs: number;
  /** until the engine got `hares -probe` */
  readonly probeMs: number;
}

async function killOnce(host: Host, client: Connection): Promise<Detection> {
  const { engine, libvirtd } = host;
  const pid = await emulatorPid(libvirtd, GUEST);
  const from = engine.log.entries.length;
  const stopped = nextStop(client);
  const killedAt = performance.now();
  process.kill(pid, "SIGKILL");
  const probed = engine.waitFor(isProbe, 60_000, from);
  const [eventAt, probe] = await Promise.all([stopped, probed]);
  await until("the engine has the guest again", () => hasNewEmulator(host, pid));
  await until(
    "the engine sees it online",
    () => engine.state(RESOURCE) === "ONLINE" && engine.phase(RESOURCE) === "steady",
  );
  return { eventMs: eventAt - killedAt, probeMs: probe.at - killedAt };
}

function isProbe(entry: Parameters<ReturnType<typeof is>>[0]): boolean {
  return entry.what === "hares" && entry.resource === RESOURCE && entry.details.args?.[0] === "-probe";
}

async function hasNewEmulator({ libvirtd }: Host, old: number): Promise<boolean> {
  return (await emulatorPid(libvirtd, GUEST)) !== old;
}

/** The moment at which the guest's next end is told. */
function nextStop(client: Connection): Promise<number> {
  return new Promise((resolve) => {
    const onLifecycle = ({ event }: { readonly event: number }): void => {
      if (event !== LIFECYCLE_EVENT.STOPPED) return;
      resolve(performance.now());
      client.events.off("lifecycle", onLifecycle);
    };
    client.events.on("lifecycle", onLifecycle);
  });
}

await benchmark(async (host) => {
  const { libvirtd } = host;
  await defineGuest(libvirtd, { name: GUEST, files: await guestFiles(), kind: "sector" });
  await host.daemon.start();
  const engine = await host.startEngine(RESOURCES);
  await engine.probed();
  if ((await engine.online(RESOURCE)) !== "ONLINE") throw new Error("the guest did not start");
  const client = await openConnection(
    { uri: "qemu:///system", sockets: [libvirtd.socket] },
    new AbortController().signal,
  );
  await client.registerEvent(LIFECYCLE);

  const detections: Detection[] = [];
  for (let kill = -WARM_UP; kill < KILLS; kill += 1) {
    const detection = await killOnce(host, client);
    if (kill >= 0) detections.push(detection);
  }
  await client.close();

  const added = detections.map(({ eventMs, probeMs }) => probeMs - eventMs);
  const eventMs = median(detections.map((detection) => detection.eventMs));
  const probeMs = median(detections.map((detection) => detection.probeMs));
  say(`medians of ${KILLS} kills, from kill -9 of the emulator, in ms:`);
  say(`libvirt's event at a bare client      ${eventMs.toFixed(1)}`);
  say(`hares -probe at the engine            ${probeMs.toFixed(1)}`);
  say(
    `added (95 %: ${quantile(added, 0.95).toFixed(1)}, most: ${Math.max(...added).toFixed(1)}; limit 20)  ${median(added).toFixed(1)}`,
  );
  sayResult("detect", { addedMs: median(added), eventMs, probeMs, addedMs95: quantile(added, 0.95) });
});
