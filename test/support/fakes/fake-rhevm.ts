import { EventEmitter, once } from "node:events";
import type { RhevEvent } from "../../../src/rhev/event-document.ts";
import type { RhevHost } from "../../../src/rhev/host-document.ts";
import type { PollerSource } from "../../../src/rhev/poller.ts";
import type { Vm } from "../../../src/rhev/vm-document.ts";
import { hostFacts } from "../rhev-facts.ts";

/** What a poller reads, as a test sets it. Every list of VMs is one cycle. */
export class FakeRhevm implements PollerSource {
  vms: readonly Vm[] = [];
  hostList: readonly RhevHost[] = [hostFacts("here"), hostFacts("there")];
  eventList: readonly RhevEvent[] = [];
  /** Thrown by each read while it is set. */
  error: Error | undefined;
  /** Thrown by reads of events while it is set. */
  eventError: Error | undefined;
  /** The names that each list of VMs was asked for. */
  readonly asked: (readonly string[])[] = [];
  readonly cursors: number[] = [];
  #gate: Promise<unknown> = Promise.resolve();

  /** Lists of VMs do not answer until the returned function is called. */
  hold(): () => void {
    const gate = new EventEmitter();
    this.#gate = once(gate, "open");
    return () => void gate.emit("open");
  }

  async vmsNamed(names: readonly string[]): Promise<readonly Vm[]> {
    this.asked.push(names);
    const { vms } = this;
    await this.#gate;
    if (this.error !== undefined) throw this.error;
    return vms.filter(({ name }) => names.includes(name));
  }

  async hosts(): Promise<readonly RhevHost[]> {
    return this.hostList;
  }

  async eventsAfter(id: number): Promise<readonly RhevEvent[]> {
    this.cursors.push(id);
    if (this.eventError !== undefined) throw this.eventError;
    return this.eventList.filter((event) => event.id > id);
  }

  async newestEvent(): Promise<number> {
    if (this.eventError !== undefined) throw this.eventError;
    return Math.max(0, ...this.eventList.map(({ id }) => id));
  }
}
