import { benchmark } from "./support/bench-host.ts";
import { say, sayResult } from "./support/figures.ts";
import { defineGuests, guestNames, residentMiB, resourcesOf } from "./support/many-guests.ts";
import { processorTimeMs } from "./support/processor-time.ts";

const GUESTS = 100;
/** After so many probes V8 compiles what was hot, and some two minutes later has tidied up behind it. */
const SETTLE_S = 150;
const WATCHED_S = 60;

const names = guestNames(GUESTS);

await benchmark(async (host) => {
  const { daemon, libvirtd } = host;
  await defineGuests(host, names);
  await daemon.start();
  const engine = await host.startEngine(resourcesOf(names));
  await engine.probed(300_000);
  say(
    `${GUESTS} guests defined, opened and probed; ${SETTLE_S} s to settle, then ${WATCHED_S} s are watched`,
  );
  await seconds(SETTLE_S);

  const memory: number[] = [];
  const since = performance.now();
  const [daemonBefore, libvirtdBefore] = [
    await processorTimeMs(daemon.pid),
    await processorTimeMs(libvirtd.pid),
  ];
  for (let second = 0; second < WATCHED_S; second += 1) {
    await seconds(1);
    memory.push(await residentMiB(daemon.pid));
  }
  const spentMs = (await processorTimeMs(daemon.pid)) - daemonBefore;
  const libvirtdMs = (await processorTimeMs(libvirtd.pid)) - libvirtdBefore;
  const elapsedMs = performance.now() - since;

  const figures = {
    guests: GUESTS,
    rssMiB: Math.max(...memory),
    cpuPercent: (spentMs / elapsedMs) * 100,
    libvirtdCpuPercent: (libvirtdMs / elapsedMs) * 100,
  };
  say(`memory of the daemon: ${figures.rssMiB.toFixed(1)} MiB at most, limit 90`);
  say(`CPU of the daemon: ${figures.cpuPercent.toFixed(3)} % of one core, limit 0.5`);
  say(`CPU of libvirtd beside it: ${figures.libvirtdCpuPercent.toFixed(3)} %`);
  sayResult("idle", figures);
});

function seconds(count: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, count * 1000));
}
