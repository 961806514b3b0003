import type { RegistrationStore } from "../../../daemon/registration-store.ts";
import type { Registration } from "../../../src/resource.ts";

/** Registrations in memory; outlives the books that are made on it, as the disk outlives the daemon. */
export class MemoryStore implements RegistrationStore {
  readonly saved = new Map<string, Registration>();
  /** Every save in order, by resource. */
  readonly saves: string[] = [];
  /** What saves fail with while set. */
  trouble: Error | undefined;

  load(): Promise<readonly Registration[]> {
    return Promise.resolve([...this.saved.values()]);
  }

  save(registration: Registration): Promise<void> {
    this.saves.push(registration.resource);
    if (this.trouble !== undefined) return Promise.reject(this.trouble);
    this.saved.set(registration.resource, registration);
    return Promise.resolve();
  }

  remove(resource: string): Promise<void> {
    this.saved.delete(resource);
    return Promise.resolve();
  }
}
