import { LibvirtCallError, LibvirtError } from "./errors.ts";
import { PACKET_STATUS, PACKET_TYPE, type Packet, PROGRAM_VERSION } from "./packet.ts";
import { readErrorReply } from "./structures.ts";
import { XdrError, XdrReader } from "./xdr.ts";

/** What a reply must match. */
export type CallTarget = { name: string; program: number; number: number };

/** When to stop waiting for a reply. */
export type CallLimits = { timeoutMs: number; signal: AbortSignal | undefined };

type Outcome = { body: Buffer } | { error: LibvirtError | LibvirtCallError };

/** `finish` is undefined once the caller gave up; libvirtd still works on the call, so the entry stays. */
type PendingCall = { target: CallTarget; finish: ((outcome: Outcome) => void) | undefined };

/** The longest wait that Node's timers can count: a longer one would end at once. */
export const TIMER_MAX_MS = 2_147_483_647;

const SERIAL_MAX = 0xffffffff;

/** The calls that have no reply yet, by serial. A call is settled once; what comes later is dropped. */
export class PendingCalls {
  readonly #calls = new Map<number, PendingCall>();
  #lastSerial = 0;

  /** Calls without a reply, the given-up ones too: as many as libvirtd may be working on. */
  get size(): number {
    return this.#calls.size;
  }

  /** A serial that no call in flight has. */
  nextSerial(): number {
    do {
      this.#lastSerial = this.#lastSerial >= SERIAL_MAX ? 1 : this.#lastSerial + 1;
    } while (this.#calls.has(this.#lastSerial));
    return this.#lastSerial;
  }

  /** Waits for the body of the reply to a call. */
  wait(serial: number, target: CallTarget, { timeoutMs, signal }: CallLimits): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const finish = (outcome: Outcome): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
        call.finish = undefined;
        if ("error" in outcome) reject(outcome.error);
        else resolve(outcome.body);
      };
      const giveUp = (error: LibvirtCallError): void => call.finish?.({ error });
      const abort = (): void => giveUp(cancelled(target.name, signal));
      const call: PendingCall = { target, finish };
      const timer = setTimeout(
        () => giveUp(new LibvirtCallError("timed out", `no reply to ${target.name} within ${timeoutMs} ms`)),
        Math.min(timeoutMs, TIMER_MAX_MS),
      );
      signal?.addEventListener("abort", abort, { once: true });
      this.#calls.set(serial, call);
    });
  }

  /**
   * Settles the call that a reply belongs to.
   *
   * @throws {XdrError} if it belongs to none: then the stream of packets makes no sense any more
   */
  settle({ header, body }: Packet): void {
    const call = this.#calls.get(header.serial);
    if (call === undefined) throw new XdrError(`a reply has serial ${header.serial}, which no call has`);
    const { name, program, number } = call.target;
    if (header.program !== program || header.procedure !== number || header.version !== PROGRAM_VERSION) {
      throw new XdrError(
        `the reply to ${name} names program ${header.program}, procedure ${header.procedure}`,
      );
    }
    this.#calls.delete(header.serial);
    call.finish?.(outcomeOf(name, { header, body }));
  }

  /** Rejects every call; nothing more will come. */
  failAll(message: string): void {
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    for (const { target, finish } of calls) {
      finish?.({ error: new LibvirtCallError("closed", `no reply to ${target.name}: ${message}`) });
    }
  }
}

/** The error of a call whose caller's signal is aborted. */
export function cancelled(name: string, signal: AbortSignal | undefined): LibvirtCallError {
  return new LibvirtCallError("cancelled", `${name} was given up by its caller`, { cause: signal?.reason });
}

function outcomeOf(name: string, { header, body }: Packet): Outcome {
  if (header.type !== PACKET_TYPE.REPLY) return notUnderstood(name, `packet type ${header.type}`);
  if (header.status === PACKET_STATUS.OK) return { body };
  if (header.status !== PACKET_STATUS.ERROR) return notUnderstood(name, `status ${header.status}`);
  try {
    const reader = new XdrReader(body);
    const reply = readErrorReply(reader);
    reader.end();
    return { error: new LibvirtError(name, reply) };
  } catch (error) {
    return notUnderstood(name, "an error reply that does not decode", error);
  }
}

function notUnderstood(name: string, what: string, cause?: unknown): Outcome {
  return { error: new LibvirtCallError("protocol", `the reply to ${name} has ${what}`, { cause }) };
}
