import { makeRhevSite } from "../host/rhev-site.ts";
import { destroy, launch, suspend } from "../rhevm-simulator/vm-life.ts";
import type { GuestSite } from "./guest-site.ts";

/** The system of the site. */
const SYSTEM = "node1";

/** RHEV: a simulated engine over TLS. */
export async function makeRhevGuests(): Promise<GuestSite> {
  const site = await makeRhevSite({ systems: [SYSTEM], others: ["node2"] });
  const { rhevm } = site;
  const { world } = rhevm;
  const host = world.host(SYSTEM);
  return {
    host: site.on(SYSTEM),
    addOff: (name, { isDeaf = false, attributes } = {}) => {
      world.addVm(name, { ignoresShutdown: isDeaf });
      return site.resource(SYSTEM, name, attributes);
    },
    addOn: async (name, { isDeaf = false, attributes } = {}) => {
      const resource = await site.known(SYSTEM, name, attributes);
      world.vm(name).ignoresShutdown = isDeaf;
      return resource;
    },
    runOf: async (name) => {
      const { aliveOn, starts } = world.vm(name);
      return aliveOn.has(host.id) ? starts : undefined;
    },
    startByHand: async (name) =>
      launch(world, world.vm(name), { host, by: "somebody", isPaused: false, hasInitialization: false }),
    stopByHand: async (name) => destroy(world, world.vm(name), "somebody", ""),
    suspendByHand: async (name) => suspend(world, world.vm(name)),
    removeByHand: async (name) => world.removeVm(name),
    kill: async (name) => world.crashVm(name),
    takeAway: async () => {
      await rhevm.close();
      return rhevm.reopen;
    },
    stop: () => site.stop(),
  };
}
