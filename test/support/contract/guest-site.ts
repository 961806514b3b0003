import type { Host } from "../host/host.ts";
import type { AttributeValues, Resource } from "../host/resource.ts";

/** How a guest of a site differs from a plain, obedient one. */
export interface SiteGuest {
  /** It is told to shut down, and stays up. */
  readonly isDeaf?: boolean;
  /** Attributes of its resource beside its name. */
  readonly attributes?: AttributeValues;
}

/**
 * One environment as an administrator sees it: a system with the agent, and guests to which things happen by hand, behind
 * the agent's back. What the contract of the entry points says holds in each.
 */
export interface GuestSite {
  readonly host: Host;
  /** A guest that is off, and its resource, which the framework has opened. */
  readonly addOff: (name: string, guest?: SiteGuest) => Promise<Resource>;
  /** A guest that runs here and that the engine knows as ONLINE. */
  readonly addOn: (name: string, guest?: SiteGuest) => Promise<Resource>;
  /** What tells one run of a guest from the next; undefined while nothing runs it. */
  readonly runOf: (name: string) => Promise<number | undefined>;
  readonly startByHand: (name: string) => Promise<void>;
  /** The power is cut. */
  readonly stopByHand: (name: string) => Promise<void>;
  readonly suspendByHand: (name: string) => Promise<void>;
  /** Nothing is left of it. */
  readonly removeByHand: (name: string) => Promise<void>;
  /** Its emulator dies by itself. */
  readonly kill: (name: string) => Promise<void>;
  /** Takes what manages the guests away, until the returned function is called; guests run on. */
  readonly takeAway: () => Promise<() => Promise<void>>;
  readonly stop: () => Promise<void>;
}

/** What monitor answers where the environments differ. */
export interface SiteCodes {
  /** A guest that what manages the guests does not know: libvirt knows all of its host, RHEV-M may hide some. */
  readonly removed: number;
  /** A guest that runs, while what manages it is away: on its own host its emulator shows. */
  readonly unmanaged: number;
}
