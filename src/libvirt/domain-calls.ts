import { type CallOptions, HostCalls } from "./host-calls.ts";
import {
  type ControlInfo,
  type DiskError,
  DOMAIN_PROCEDURES,
  type DomainInfo,
  type DomainState,
} from "./procedures-domain.ts";
import type { Domain } from "./structures.ts";

/**
 * The calls about one domain, by UUID: a name can be given to another domain and a number is gone with the emulator.
 * Procedures of low priority may wait for a hung emulator; the table of procedures says which those are.
 */
export abstract class DomainCalls extends HostCalls {
  /** Finds a domain by its name. */
  lookupByName(name: string, options?: CallOptions): Promise<Domain> {
    return this.call(DOMAIN_PROCEDURES.lookupByName, name, options);
  }

  /** Finds a domain by its UUID. */
  lookupByUuid(uuid: string, options?: CallOptions): Promise<Domain> {
    return this.call(DOMAIN_PROCEDURES.lookupByUuid, uuid, options);
  }

  /** Finds a running domain by its number. */
  lookupById(id: number, options?: CallOptions): Promise<Domain> {
    return this.call(DOMAIN_PROCEDURES.lookupById, id, options);
  }

  /** State and reason, from libvirtd's memory: a frozen emulator is running. */
  getState(uuid: string, options?: CallOptions): Promise<DomainState> {
    return this.call(DOMAIN_PROCEDURES.getState, { uuid, flags: 0 }, options);
  }

  /** Size and CPU time; may wait for a hung emulator. */
  getInfo(uuid: string, options?: CallOptions): Promise<DomainInfo> {
    return this.call(DOMAIN_PROCEDURES.getInfo, { uuid }, options);
  }

  /** Whether libvirt can talk to the emulator; answers at once. */
  getControlInfo(uuid: string, options?: CallOptions): Promise<ControlInfo> {
    return this.call(DOMAIN_PROCEDURES.getControlInfo, { uuid, flags: 0 }, options);
  }

  /** The XML, live or as XML flags say. */
  getXml(uuid: string, flags: number, options?: CallOptions): Promise<string> {
    return this.call(DOMAIN_PROCEDURES.getXml, { uuid, flags }, options);
  }

  /** Whether the emulator runs. */
  isActive(uuid: string, options?: CallOptions): Promise<boolean> {
    return this.call(DOMAIN_PROCEDURES.isActive, { uuid }, options);
  }

  /** Whether the domain is defined, so that it stays when it stops. */
  isPersistent(uuid: string, options?: CallOptions): Promise<boolean> {
    return this.call(DOMAIN_PROCEDURES.isPersistent, { uuid }, options);
  }

  /** Whether the definition was changed while the domain runs. */
  isUpdated(uuid: string, options?: CallOptions): Promise<boolean> {
    return this.call(DOMAIN_PROCEDURES.isUpdated, { uuid }, options);
  }

  /** Whether libvirtd starts the domain when the host boots. */
  getAutostart(uuid: string, options?: CallOptions): Promise<boolean> {
    return this.call(DOMAIN_PROCEDURES.getAutostart, { uuid }, options);
  }

  /** Sets whether libvirtd starts the domain when the host boots. */
  setAutostart(uuid: string, on: boolean, options?: CallOptions): Promise<void> {
    return this.call(DOMAIN_PROCEDURES.setAutostart, { uuid, on }, options);
  }

  /** Defines a domain, or changes its definition; DEFINE flags. */
  defineXml(xml: string, flags: number, options?: CallOptions): Promise<Domain> {
    return this.call(DOMAIN_PROCEDURES.defineXml, { xml, flags }, options);
  }

  /** As defineXml, by the older procedure that takes no flags. */
  defineXmlWithoutFlags(xml: string, options?: CallOptions): Promise<Domain> {
    return this.call(DOMAIN_PROCEDURES.defineXmlWithoutFlags, xml, options);
  }

  /** Removes the definition; UNDEFINE flags. A running domain becomes transient. */
  undefine(uuid: string, flags: number, options?: CallOptions): Promise<void> {
    return this.call(DOMAIN_PROCEDURES.undefine, { uuid, flags }, options);
  }

  /**
   * Starts a defined domain; CREATE flags. Its name is looked up first: libvirtd answers with the name it is given,
   * and all other calls know only the UUID.
   */
  async create(uuid: string, flags: number, options: CallOptions = {}): Promise<Domain> {
    const since = performance.now();
    const { name } = await this.lookupByUuid(uuid, options);
    const spentMs = performance.now() - since;
    const rest = options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs - spentMs };
    const started = await this.call(DOMAIN_PROCEDURES.create, { uuid, flags }, { ...options, ...rest });
    return { ...started, name };
  }

  /** Starts a transient domain; CREATE flags. */
  createXml(xml: string, flags: number, options?: CallOptions): Promise<Domain> {
    return this.call(DOMAIN_PROCEDURES.createXml, { xml, flags }, options);
  }

  /** Asks the guest to shut down and returns at once, obeyed or not; SHUTDOWN flags. */
  shutdown(uuid: string, flags: number, options?: CallOptions): Promise<void> {
    return this.call(DOMAIN_PROCEDURES.shutdown, { uuid, flags }, options);
  }

  /** Asks the guest to reboot and returns at once; REBOOT flags. */
  reboot(uuid: string, flags: number, options?: CallOptions): Promise<void> {
    return this.call(DOMAIN_PROCEDURES.reboot, { uuid, flags }, options);
  }

  /** Presses the reset button. */
  reset(uuid: string, options?: CallOptions): Promise<void> {
    return this.call(DOMAIN_PROCEDURES.reset, { uuid, flags: 0 }, options);
  }

  /** Ends the emulator; DESTROY flags. Takes over 10 s if it does not heed SIGTERM. */
  destroy(uuid: string, flags: number, options?: CallOptions): Promise<void> {
    return this.call(DOMAIN_PROCEDURES.destroy, { uuid, flags }, options);
  }

  /** Stops the virtual CPUs. */
  suspend(uuid: string, options?: CallOptions): Promise<void> {
    return this.call(DOMAIN_PROCEDURES.suspend, { uuid }, options);
  }

  /** Lets the virtual CPUs go on. */
  resume(uuid: string, options?: CallOptions): Promise<void> {
    return this.call(DOMAIN_PROCEDURES.resume, { uuid }, options);
  }

  /** Wakes a guest that put itself to sleep. */
  pmWakeup(uuid: string, options?: CallOptions): Promise<void> {
    return this.call(DOMAIN_PROCEDURES.pmWakeup, { uuid, flags: 0 }, options);
  }

  /** Whether the next start restores a saved memory image. */
  hasManagedSave(uuid: string, options?: CallOptions): Promise<boolean> {
    return this.call(DOMAIN_PROCEDURES.hasManagedSave, { uuid, flags: 0 }, options);
  }

  /** Removes the saved memory image. */
  removeManagedSave(uuid: string, options?: CallOptions): Promise<void> {
    return this.call(DOMAIN_PROCEDURES.removeManagedSave, { uuid, flags: 0 }, options);
  }

  /** The disks that the emulator reports as failed. */
  getDiskErrors(uuid: string, options?: CallOptions): Promise<DiskError[]> {
    return this.call(DOMAIN_PROCEDURES.getDiskErrors, { uuid }, options);
  }
}
