import { EventEmitter } from "eventemitter3";
import type {
  DomainFigures,
  DomainRef,
  DomainStateCode,
  Hypervisor,
  HypervisorEvents,
  Limits,
} from "../../../src/kvm/hypervisor.ts";
import { LibvirtCallError } from "../../../src/libvirt/errors.ts";
import { DEVICE_MODIFY } from "../../../src/libvirt/flags.ts";
import type { MigrationAsked } from "./fake-domain.ts";
import { jobStatistics } from "./fake-job.ts";
import type { FakeLibvirtd } from "./fake-libvirtd.ts";

/** The binding's own limit of a call. */
const CALL_MS = 30_000;

/** One session with a fake libvirtd. */
export class FakeHypervisor implements Hypervisor {
  readonly events = new EventEmitter<HypervisorEvents>();
  readonly #libvirtd: FakeLibvirtd;
  readonly #failures = new Set<(error: LibvirtCallError) => void>();
  #closed = false;
  #inFlight = 0;

  constructor(libvirtd: FakeLibvirtd) {
    this.#libvirtd = libvirtd;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  close(): Promise<void> {
    this.#end("closed by us", "the connection was closed");
    return Promise.resolve();
  }

  /** The connection breaks: what waits for an answer fails, and the close event tells. */
  lose(kind: string, message: string): void {
    this.#end(kind, message);
  }

  registerEvent(eventId: number, options?: Limits): Promise<number> {
    return this.#call("registerEvent", options, () => eventId);
  }

  lookupByName(name: string, options?: Limits): Promise<DomainRef> {
    return this.#call("lookupByName", options, () => this.#libvirtd.named(name).ref);
  }

  lookupByUuid(uuid: string, options?: Limits): Promise<DomainRef> {
    return this.#call("lookupByUuid", options, () => this.#libvirtd.of(uuid).ref);
  }

  getState(uuid: string, options?: Limits): Promise<DomainStateCode> {
    return this.#call("getState", options, () => this.#libvirtd.of(uuid).code);
  }

  getControlInfo(
    uuid: string,
    options?: Limits,
  ): Promise<{ readonly state: number; readonly details: number; readonly stateTimeMs: number }> {
    return this.#call("getControlInfo", options, () => this.#libvirtd.of(uuid).control);
  }

  getAllDomainStats(
    _query: { readonly stats: number; readonly flags: number },
    options?: Limits,
  ): Promise<readonly DomainFigures[]> {
    return this.#call("getAllDomainStats", options, () =>
      this.#libvirtd.all().map(({ ref, code }) => ({
        domain: ref,
        params: new Map<string, unknown>([
          ["state.state", code.state],
          ["state.reason", code.reason],
        ]),
      })),
    );
  }

  getJobStats(
    uuid: string,
    _flags: number,
    options?: Limits,
  ): Promise<{ readonly type: number; readonly params: ReadonlyMap<string, unknown> }> {
    return this.#call("getJobStats", options, () => jobStatistics(this.#libvirtd.of(uuid)));
  }

  getXml(uuid: string, flags: number, options?: Limits): Promise<string> {
    return this.#call("getXml", options, () => this.#libvirtd.xmlOf(uuid, flags));
  }

  hasManagedSave(uuid: string, options?: Limits): Promise<boolean> {
    return this.#call("hasManagedSave", options, () => this.#libvirtd.of(uuid).isSaved);
  }

  create(uuid: string, flags: number, options?: Limits): Promise<DomainRef> {
    return this.#call("create", options, () => this.#libvirtd.create(uuid, flags));
  }

  defineXml(xml: string, _flags: number, options?: Limits): Promise<DomainRef> {
    return this.#call("defineXml", options, () => this.#libvirtd.defineXml(xml));
  }

  attachDevice(uuid: string, xml: string, _flags: number, options?: Limits): Promise<void> {
    return this.#call("attachDevice", options, () => this.#libvirtd.of(uuid).attach(xml));
  }

  detachDevice(uuid: string, xml: string, _flags: number, options?: Limits): Promise<void> {
    return this.#call("detachDevice", options, () => this.#libvirtd.of(uuid).detach(xml));
  }

  updateDevice(uuid: string, xml: string, flags: number, options?: Limits): Promise<void> {
    const isForced = (flags & DEVICE_MODIFY.FORCE) !== 0;
    return this.#call("updateDevice", options, () => this.#libvirtd.of(uuid).update(xml, isForced));
  }

  migratePerform3Params(uuid: string, migration: MigrationAsked, options?: Limits): Promise<unknown> {
    return this.#call("migratePerform3Params", options, () => this.#libvirtd.migrate(uuid, migration));
  }

  migrateSetMaxDowntime(uuid: string, downtimeMs: number, options?: Limits): Promise<void> {
    return this.#call("migrateSetMaxDowntime", options, () => {
      this.#libvirtd.of(uuid).maxDowntimeMs = downtimeMs;
    });
  }

  migrateStartPostCopy(uuid: string, options?: Limits): Promise<void> {
    return this.#call("migrateStartPostCopy", options, () => {
      this.#libvirtd.of(uuid).isPostCopy = true;
    });
  }

  abortJob(uuid: string, options?: Limits): Promise<void> {
    return this.#call("abortJob", options, () => this.#libvirtd.abortJob(uuid));
  }

  destroy(uuid: string, _flags: number, options?: Limits): Promise<void> {
    return this.#call("destroy", options, () => this.#libvirtd.destroy(uuid));
  }

  shutdown(uuid: string, flags: number, options?: Limits): Promise<void> {
    return this.#call("shutdown", options, () => this.#libvirtd.shutdown(uuid, flags));
  }

  suspend(uuid: string, options?: Limits): Promise<void> {
    return this.#call("suspend", options, () => this.#libvirtd.suspend(uuid));
  }

  resume(uuid: string, options?: Limits): Promise<void> {
    return this.#call("resume", options, () => this.#libvirtd.resume(uuid));
  }

  pmWakeup(uuid: string, options?: Limits): Promise<void> {
    return this.#call("pmWakeup", options, () => this.#libvirtd.pmWakeup(uuid));
  }

  agentCommand(
    uuid: string,
    { command, timeoutS }: { readonly command: string; readonly timeoutS: number },
    options?: Limits,
  ): Promise<string | null> {
    return this.#call("agentCommand", options, () => this.#libvirtd.askAgent(uuid, command, timeoutS));
  }

  getAutostart(uuid: string, options?: Limits): Promise<boolean> {
    return this.#call("getAutostart", options, () => this.#libvirtd.of(uuid).autostart);
  }

  setAutostart(uuid: string, autostart: boolean, options?: Limits): Promise<void> {
    return this.#call("setAutostart", options, () => {
      this.#libvirtd.of(uuid).autostart = autostart;
    });
  }

  /** As the binding does it: given up after its time or by its caller, yet in flight until libvirtd has answered. */
  #call<T>(
    name: string,
    { signal, timeoutMs = CALL_MS }: Limits = {},
    work: () => T | Promise<T>,
  ): Promise<T> {
    if (this.#closed) return Promise.reject(new LibvirtCallError("closed", `${name} not sent`));
    this.#inFlight += 1;
    this.#libvirtd.calls.push(name);
    const answered = this.#libvirtd.answer(name, work).finally(() => {
      this.#inFlight -= 1;
    });
    return new Promise((resolve, reject) => {
      const give = (error: LibvirtCallError) => {
        settle();
        reject(error);
      };
      const abort = () => give(new LibvirtCallError("cancelled", `${name} was given up by its caller`));
      const late = () =>
        give(new LibvirtCallError("timed out", `no reply to ${name} within ${timeoutMs} ms`));
      const timer = setTimeout(late, timeoutMs);
      const settle = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
        this.#failures.delete(give);
      };
      this.#failures.add(give);
      signal?.addEventListener("abort", abort, { once: true });
      if (signal?.aborted === true) abort();
      answered.finally(settle).then(resolve, reject);
    });
  }

  #end(kind: string, message: string): void {
    if (this.#closed) return;
    this.#closed = true;
    const error = new LibvirtCallError("closed", `the connection ended (${kind}): ${message}`);
    for (const fail of this.#failures) fail(error);
    this.events.emit("close", { kind, message });
  }
}
