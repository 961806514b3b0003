import { AgentError } from "../agent-error.ts";
import type { Attributes } from "../attributes.ts";
import { throwIfAborted } from "../deadline.ts";
import type { Log } from "../log.ts";
import { PAYLOAD_NAME, PAYLOAD_VOLUME, type PayloadFile } from "../payload-file.ts";
import { ClusterChange } from "./cluster-change.ts";
import type { GuestReader } from "./guest-reader.ts";
import { settled } from "./settled-change.ts";

export interface GuestPayloadsParts {
  readonly reader: GuestReader;
  readonly log: Log;
}

/**
 * Prepares a guest that is down for its start on this host: cluster, then payload. Safe to repeat at any point. A suspended
 * one keeps the payload that it has.
 */
export class GuestPayloads {
  readonly #parts: GuestPayloadsParts;
  readonly #clusters: ClusterChange;

  constructor(parts: GuestPayloadsParts) {
    this.#parts = parts;
    this.#clusters = new ClusterChange(parts);
  }

  /** See Platform.setPayload. */
  async set(attributes: Attributes, payload: PayloadFile | undefined, signal: AbortSignal): Promise<void> {
    const { guestName: guest } = attributes;
    const { reader } = this.#parts;
    const sight = await reader.sight(guest, signal);
    try {
      await this.#clusters.bringIntoOwn(attributes, sight, payload !== undefined, signal);
      // it goes on with the devices that its memory knows: one more or less, and it could not
      if (sight.vm.status === "suspended") return;
      if (payload === undefined) await this.#removeAny(guest, sight.vm.id, signal);
      else await this.#put(guest, sight.vm.id, payload, signal);
    } finally {
      reader.managerOf(guest).poller.invalidate(guest);
    }
  }

  /** A VM has one payload: another's is not overwritten. What was written is read back, for an answer may be lost. */
  async #put(guest: string, id: string, payload: PayloadFile, signal: AbortSignal): Promise<void> {
    const { actions, reads } = this.#parts.reader.managerOf(guest);
    const before = await reads.vmPayload(id, signal);
    const foreign = before.files.find(({ name }) => name !== PAYLOAD_NAME);
    if (foreign !== undefined)
      throw new AgentError(
        "REFUSED",
        `guest ${guest} is not started: RHEV-M has a payload of another kind for it (file ${foreign.name}), and a VM can have one only: remove that, or set ConfigureNetwork to 0`,
      );
    if (before.isInitialized)
      this.#parts.log.warn(
        { guest },
        "guest has cloud-init or sysprep, which at its first run takes the place of its network settings",
      );
    if (holds(before.files, payload)) return;
    await settled(() => actions.setPayload(id, PAYLOAD_VOLUME, [payload], signal), signal);
    const after = await reads.vmPayload(id, signal);
    if (!holds(after.files, payload))
      throw new AgentError(
        "REFUSED",
        `guest ${guest} is not started: RHEV-M does not show the network settings that it was given`,
      );
    this.#parts.log.info({ guest }, "guest gets a CD-ROM with its network settings");
  }

  /** What an earlier value of DROpts left behind. It keeps nothing from starting. */
  async #removeAny(guest: string, id: string, signal: AbortSignal): Promise<void> {
    const { reader, log } = this.#parts;
    const { actions, reads } = reader.managerOf(guest);
    try {
      const { files } = await reads.vmPayload(id, signal);
      if (files.length === 0 || files.some(({ name }) => name !== PAYLOAD_NAME)) return;
      await settled(() => actions.setPayload(id, PAYLOAD_VOLUME, [], signal), signal);
      log.info({ guest }, "CD-ROM with network settings taken from the guest");
    } catch (error) {
      throwIfAborted(signal);
      log.warn({ guest, err: error }, "CD-ROM with network settings cannot be looked for and taken away");
    }
  }
}

function holds(files: readonly PayloadFile[], { name, content }: PayloadFile): boolean {
  return files.length === 1 && files[0]?.name === name && files[0].content === content.trim();
}
