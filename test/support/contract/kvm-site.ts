import { makeHost } from "../host/host.ts";
import { openedResource } from "../host/known-guest.ts";
import { MONITOR, type Resource } from "../host/resource.ts";
import { attentiveFiles, attentiveOptions, waitUntilAttentive } from "../lab/boot-sector.ts";
import { defineGuest, emulatorPid, killEmulator } from "../lab/guest.ts";
import { guestFiles } from "../lab/guest-files.ts";
import type { GuestSite, SiteGuest } from "./guest-site.ts";

/** Plain KVM: a real libvirtd with real guests. */
export async function makeKvmSite(): Promise<GuestSite> {
  const host = await makeHost();
  const { libvirtd } = host;
  const deaf = await guestFiles();
  const obedient = await attentiveFiles(libvirtd, deaf);
  await host.startDaemon();

  const define = (name: string, { isDeaf = false }: SiteGuest) =>
    defineGuest(
      libvirtd,
      isDeaf ? { name, files: deaf, kind: "sector" } : attentiveOptions(libvirtd, name, obedient),
    );
  const addOff = async (name: string, guest: SiteGuest = {}) => {
    await define(name, guest);
    return openedResource(host, name, guest.attributes);
  };
  const addOn = async (name: string, guest: SiteGuest = {}): Promise<Resource> => {
    await define(name, guest);
    await libvirtd.virsh("start", name);
    if (guest.isDeaf !== true) await waitUntilAttentive(libvirtd, name);
    const resource = await openedResource(host, name, guest.attributes);
    const code = await resource.monitor();
    if (code === MONITOR.online) return resource;
    throw new Error(`monitor of ${name} exits with ${code}`);
  };
  const virsh = async (...args: string[]) => void (await libvirtd.virsh(...args));
  return {
    host,
    addOff,
    addOn,
    runOf: (name) => emulatorPid(libvirtd, name).catch(() => undefined),
    startByHand: (name) => virsh("start", name),
    stopByHand: (name) => virsh("destroy", name),
    suspendByHand: (name) => virsh("suspend", name),
    removeByHand: (name) => virsh("undefine", name),
    kill: async (name) => void (await killEmulator(libvirtd, name)),
    takeAway: async () => {
      await libvirtd.kill();
      return () => libvirtd.restart();
    },
    stop: () => host.stop(),
  };
}
