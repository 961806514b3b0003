import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NORTH, type SiteNetwork, SOUTH } from "../support/dr-options.ts";
import { type Cluster, makeCluster } from "../support/host/cluster.ts";
import type { Host } from "../support/host/host.ts";
import { defineGuest, guestPaths, waitForMarker } from "../support/lab/guest.ts";
import { guestFiles } from "../support/lab/guest-files.ts";
import {
  askNetwork,
  type GuestVoice,
  makeNetworkGuest,
  type NetworkGuestFiles,
  networkGuestOptions,
} from "../support/lab/network-guest.ts";
import { until } from "../support/lab/until.ts";
import { hostilePayload, writePayloadDisc } from "../support/payload-disc.ts";
import { daemonWords } from "./daemon-words.ts";
import { EngineNarrator } from "./engine-narrator.ts";
import { expectState, type Stage, type Story } from "./story.ts";
import type { Timeline } from "./timeline.ts";

const GUEST = "web1";
const RESOURCE = "web1_vm";
const UUID = "6f1c9a4e-8f2b-4c5d-9e3a-2b7d1c0e5f48";

/** A site: a cluster of one host, with values of its own for the guest's network. */
interface Site {
  readonly name: string;
  readonly network: SiteNetwork;
  readonly cluster: Cluster;
  readonly host: Host;
}

/** One guest that fails over to another site. */
export const drStory: Story = {
  ending: "one guest, at each site with that site's network",
  async tell(stage) {
    const folder = await mkdtemp(join(tmpdir(), "vkd-"));
    const sites: Site[] = [];
    try {
      sites.push(await makeSite("north", NORTH, stage), await makeSite("south", SOUTH, stage));
      const [north, south] = sites;
      if (north !== undefined && south !== undefined) await tell(north, south, folder, stage.timeline);
    } finally {
      await Promise.all(sites.map(({ cluster }) => cluster.stop()));
      await rm(folder, { recursive: true, force: true });
    }
  },
};

async function tell(north: Site, south: Site, folder: string, timeline: Timeline): Promise<void> {
  timeline.chapter(
    "1. Two sites, each a cluster of its own: a host with libvirtd, the daemon and an engine. The guest's disk is the same at both, as if it were replicated.",
  );
  const files = await guestFiles();
  const guest = await makeNetworkGuest(folder, files);
  timeline.line(
    "demo",
    `the guest is a real Linux under QEMU (${files.accel === "kvm" ? "KVM" : "TCG, no usable KVM here"}) with the service vcs-net-reconfig in it; its NIC would ask DHCP`,
  );
  const narrators = [await begin(north, guest, timeline), await begin(south, guest, timeline)];

  timeline.chapter(
    `2. North: hares -online ${RESOURCE}. The daemon gives the guest a CD-ROM with north's network; the guest applies it at boot.`,
  );
  await bringOnline(north, timeline);

  timeline.chapter(
    `3. North loses power. South: hares -online ${RESOURCE}. Other values are on the CD-ROM, and the guest follows them.`,
  );
  await north.cluster.powerOff(north.name);
  timeline.line("demo", "the host of north is off, and the guest with it");
  await bringOnline(south, timeline);

  timeline.chapter(
    "4. Somebody puts a hostile CD-ROM in the guest's drive: every value is full of a shell's metacharacters. It changes nothing.",
  );
  expectState(await south.host.engine.offline(RESOURCE), "OFFLINE");
  await bootHostile(south, folder, timeline);

  timeline.chapter(`5. South: hares -offline ${RESOURCE}.`);
  expectState(await south.host.engine.offline(RESOURCE), "OFFLINE");
  for (const narrator of narrators) narrator.end();
}

async function makeSite(name: string, network: SiteNetwork, { timeline, onLine }: Stage): Promise<Site> {
  const cluster = await makeCluster([name], {
    configuration: () => "monitorIntervalS: 5",
    onLine: (line) => {
      onLine(line);
      const words = daemonWords(line);
      if (words !== undefined) timeline.line(name, `daemon: ${words}`);
    },
  });
  return { name, network, cluster, host: cluster.on(name) };
}

/** Defines the guest at a site, and starts daemon and engine there. */
async function begin(
  { name, network, host }: Site,
  guest: NetworkGuestFiles,
  timeline: Timeline,
): Promise<EngineNarrator> {
  const { address, gateway, dns, search } = network;
  const options = `{ ConfigureNetwork = 1, IPAddress = "${address}", Netmask = "255.255.255.0", Gateway = "${gateway}", DNSServers = "${dns}", DNSSearchPath = "${search}", Device = NONE }`;
  await defineGuest(host.libvirtd, {
    name: GUEST,
    uuid: UUID,
    ...voiceOf(host),
    ...networkGuestOptions(guest),
  });
  await host.daemon.start();
  const engine = await host.startEngine(`    KVMGuest ${RESOURCE} (
        GuestName = ${GUEST}
        DelayAfterGuestOnline = 2
        DelayAfterGuestOffline = 60
        MonitorInterval = 20
        OfflineMonitorInterval = 20
        DROpts = ${options}
        )`);
  timeline.line(name, `main.cf: DROpts = ${options}`);
  const narrator = new EngineNarrator(engine.log, {
    line: (who, text) => timeline.line(name, `${who}: ${text}`),
  });
  await until("the first probe", () => engine.state(RESOURCE) === "OFFLINE");
  return narrator;
}

/** The console is a socket below the host's folder: its /run is seen there alone. */
function voiceOf({ libvirtd, folder }: Host): GuestVoice {
  return { ...guestPaths(libvirtd, GUEST), consolePath: join(folder, "console") };
}

async function bringOnline({ host, network }: Site, timeline: Timeline): Promise<void> {
  expectState(await host.engine.online(RESOURCE), "ONLINE");
  await tellNetwork(host, network, timeline);
}

/** Lets the guest tell what its service did and what its kernel has, and compares that with the site's values. */
async function tellNetwork(host: Host, network: SiteNetwork, timeline: Timeline): Promise<void> {
  const { serialLog } = voiceOf(host);
  await waitForMarker(serialLog, "READY");
  for (const line of (await readFile(serialLog, "latin1")).split(/\r?\n/))
    if (line.startsWith("vcs-net-reconfig:")) timeline.line("guest", line);
  const { addresses, routes, resolver } = await askNetwork(voiceOf(host));
  timeline.line("demo", "asks the guest for its network");
  for (const it of addresses) timeline.line("guest", `address: ${it}`);
  for (const it of routes) timeline.line("guest", `route: ${it}`);
  for (const it of resolver) timeline.line("guest", `resolv.conf: ${it}`);
  const told = [...addresses, ...routes, ...resolver].join("\n");
  for (const part of [`${network.address}/24`, `via ${network.gateway} `, network.dns, network.search])
    if (!told.includes(part)) throw new Error(`the guest does not have ${part}`);
}

async function bootHostile({ host, network }: Site, folder: string, timeline: Timeline): Promise<void> {
  await writeFile(voiceOf(host).serialLog, "");
  const image = join(host.stateDirectory, `payload/${GUEST}.iso`);
  await writePayloadDisc(folder, image, hostilePayload());
  timeline.line("demo", `writes ${image}, and starts the guest by hand: virsh start ${GUEST}`);
  await host.libvirtd.virsh("start", GUEST);
  await tellNetwork(host, network, timeline);
  await until("the engine knows", () => host.engine.state(RESOURCE) === "ONLINE");
}
