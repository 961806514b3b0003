import type { Duplex } from "node:stream";
import type { EventEmitter } from "eventemitter3";
import type { CloseReason, ConnectionEvents, ConnectionOptions } from "./connection-types.ts";
import { LibvirtCallError } from "./errors.ts";
import { CONNECTION_CLOSED_MESSAGE, EVENT_MESSAGES } from "./events.ts";
import { GuestCalls } from "./guest-calls.ts";
import type { CallOptions } from "./host-calls.ts";
import { KeepaliveTimer } from "./keepalive.ts";
import {
  encodePacket,
  KEEPALIVE_PROCEDURE,
  PACKET_STATUS,
  PACKET_TYPE,
  type Packet,
  type PacketHeader,
  PacketReader,
  PROGRAM,
  PROGRAM_VERSION,
} from "./packet.ts";
import { cancelled, PendingCalls } from "./pending-calls.ts";
import type { Procedure } from "./procedure.ts";
import { HOST_PROCEDURES } from "./procedures-host.ts";
import { SafeEmitter } from "./safe-emitter.ts";
import { XdrError, XdrReader, XdrWriter } from "./xdr.ts";

const CALL_TIMEOUT_MS = 30_000;
const KEEPALIVE = { intervalMs: 5000, count: 3 };
const MAX_IN_FLIGHT = 1000;
/** Unsent bytes above which a call is refused: libvirtd does not read. */
const MAX_BACKLOG_BYTES = 8 * 1024 * 1024;
/** How long a close waits for libvirtd's farewell. */
const FAREWELL_MS = 1000;

/**
 * A live connection to a libvirt daemon: calls by methods, domain events by `events`. Made by `openConnection`.
 *
 * libvirtd works on five calls of a connection at a time and stops reading it at the sixth: keep `inFlight` below
 * five, or packets that prove we live are not read either. Once `closed` it stays so; open another.
 */
export class Connection extends GuestCalls {
  readonly events: EventEmitter<ConnectionEvents>;
  readonly #socket: Duplex;
  readonly #options: ConnectionOptions;
  readonly #calls = new PendingCalls();
  readonly #packets = new PacketReader();
  readonly #keepalive: KeepaliveTimer;
  readonly #gone: Promise<void>;
  #closeReason: CloseReason | undefined;
  #closing: Promise<void> | undefined;

  /** @param socket connected, with nothing read from it yet */
  constructor(socket: Duplex, options: ConnectionOptions = {}) {
    super();
    this.#socket = socket;
    this.#options = options;
    this.events = new SafeEmitter(options.onListenerError ?? (() => undefined));
    this.#keepalive = new KeepaliveTimer(options.keepalive ?? KEEPALIVE, {
      ping: () => this.#sendKeepalive(KEEPALIVE_PROCEDURE.PING),
      dead: () => this.#end("keepalive timeout", "the peer has not sent anything for too long"),
    });
    this.#gone = new Promise((resolve) => {
      socket.once("close", () => resolve());
    });
    socket.on("data", (chunk: Buffer) => this.#takeBytes(chunk));
    socket.on("error", (error) => this.#end("socket error", error.message));
    socket.on("end", () => this.#end("end of file", this.#endOfFileMessage()));
    socket.on("close", () => this.#end("end of file", "the socket was closed"));
  }

  /** Whether the connection has ended; every further call is rejected with `closed`. */
  get closed(): boolean {
    return this.#closeReason !== undefined;
  }

  /** Why the connection ended; undefined while it lives. */
  get closeReason(): CloseReason | undefined {
    return this.#closeReason;
  }

  /** Calls without a reply, those given up included: libvirtd works on them still. */
  get inFlight(): number {
    return this.#calls.size;
  }

  override async call<Args, Result>(
    procedure: Procedure<Args, Result>,
    args: Args,
    options: CallOptions = {},
  ): Promise<Result> {
    if (this.#closing !== undefined) throw new LibvirtCallError("closed", "the connection is being closed");
    return this.#call(procedure, args, options);
  }

  /** Starts asking a silent peer whether it lives. For `openConnection`, once the daemon agreed to answer. */
  startKeepalive(): void {
    if (!this.closed) this.#keepalive.start();
  }

  /** Says good-bye, for at most a second, and ends the connection. Calls in flight are rejected at once. */
  close(): Promise<void> {
    this.#closing ??= this.#sayGoodbye();
    return this.#closing;
  }

  /** Ends the connection at once, without a word to the daemon. */
  abandon(): void {
    this.#end("closed by us", "the connection was dropped");
  }

  async #sayGoodbye(): Promise<void> {
    if (!this.closed) {
      this.#calls.failAll("the connection is being closed");
      const farewell = this.#call(HOST_PROCEDURES.close, undefined, { timeoutMs: FAREWELL_MS });
      await farewell.catch(() => undefined); // libvirtd notices the end of the socket as well
      this.#end("closed by us", "the connection was closed");
    }
    await this.#gone;
  }

  async #call<Args, Result>(
    procedure: Procedure<Args, Result>,
    args: Args,
    { signal, timeoutMs }: CallOptions,
  ): Promise<Result> {
    this.#refuseUnlessReady(procedure.name);
    if (signal?.aborted === true) throw cancelled(procedure.name, signal);
    const serial = this.#calls.nextSerial();
    const packet = encodeCall(procedure, args, serial);
    const limits = { signal, timeoutMs: timeoutMs ?? this.#options.callTimeoutMs ?? CALL_TIMEOUT_MS };
    const reply = this.#calls.wait(serial, procedure, limits);
    this.#socket.write(packet);
    return decodeReply(procedure, await reply);
  }

  #refuseUnlessReady(name: string): void {
    const reason = this.#closeReason;
    if (reason !== undefined) throw new LibvirtCallError("closed", `${name} not sent: ${describe(reason)}`);
    if (this.#calls.size >= (this.#options.maxInFlight ?? MAX_IN_FLIGHT)) {
      throw new LibvirtCallError(
        "overloaded",
        `${name} not sent: ${this.#calls.size} calls have no reply yet`,
      );
    }
    if (this.#socket.writableLength > MAX_BACKLOG_BYTES) {
      throw new LibvirtCallError(
        "overloaded",
        `${name} not sent: libvirtd does not read what was sent before`,
      );
    }
  }

  #takeBytes(chunk: Buffer): void {
    this.#keepalive.heard();
    try {
      for (const packet of this.#packets.push(chunk)) {
        if (this.closed) return;
        this.#takePacket(packet);
      }
    } catch (error) {
      this.#end("protocol error", error instanceof Error ? error.message : String(error));
    }
  }

  #takePacket(packet: Packet): void {
    const { header, body } = packet;
    if (header.type !== PACKET_TYPE.MESSAGE) return this.#calls.settle(packet);
    if (header.version !== PROGRAM_VERSION) return;
    if (header.program === PROGRAM.KEEPALIVE) return this.#takeKeepalive(header);
    if (header.program !== PROGRAM.REMOTE) return;
    if (header.procedure === CONNECTION_CLOSED_MESSAGE) {
      return this.#end("server closed", `libvirtd lost its driver, reason ${new XdrReader(body).int()}`);
    }
    EVENT_MESSAGES.get(header.procedure)?.deliver(new XdrReader(body), this.events);
  }

  #takeKeepalive({ procedure }: PacketHeader): void {
    if (procedure === KEEPALIVE_PROCEDURE.PING) this.#sendKeepalive(KEEPALIVE_PROCEDURE.PONG);
  }

  #sendKeepalive(procedure: number): void {
    if (this.#socket.writableLength > MAX_BACKLOG_BYTES) return; // a peer that only sends must not fill our memory
    const header = { program: PROGRAM.KEEPALIVE, version: PROGRAM_VERSION, procedure, serial: 0 };
    const kind = { type: PACKET_TYPE.MESSAGE, status: PACKET_STATUS.OK };
    this.#socket.write(encodePacket({ ...header, ...kind }, new Uint8Array(0)));
  }

  #endOfFileMessage(): string {
    return this.#packets.held === 0
      ? "libvirtd closed the connection"
      : "the connection ended within a packet";
  }

  #end(kind: CloseReason["kind"], message: string): void {
    if (this.closed) return;
    const reason = { kind: this.#closing === undefined ? kind : "closed by us", message } as const;
    this.#closeReason = reason;
    this.#keepalive.stop();
    this.#socket.destroy();
    this.#calls.failAll(describe(reason));
    this.events.emit("close", reason);
  }
}

function describe({ kind, message }: CloseReason): string {
  return `the connection ended (${kind}): ${message}`;
}

function encodeCall<Args, Result>(procedure: Procedure<Args, Result>, args: Args, serial: number): Buffer {
  const { program, number } = procedure;
  const header = { program, version: PROGRAM_VERSION, procedure: number, serial };
  try {
    const writer = new XdrWriter();
    procedure.encode(writer, args);
    return encodePacket({ ...header, type: PACKET_TYPE.CALL, status: PACKET_STATUS.OK }, writer.bytes());
  } catch (error) {
    if (!(error instanceof XdrError)) throw error;
    throw new LibvirtCallError("argument", `${procedure.name} not sent: ${error.message}`, { cause: error });
  }
}

function decodeReply<Args, Result>(procedure: Procedure<Args, Result>, body: Buffer): Result {
  try {
    const reader = new XdrReader(body);
    const result = procedure.decode(reader);
    reader.end();
    return result;
  } catch (error) {
    const message = `the reply to ${procedure.name} does not decode`;
    throw new LibvirtCallError("protocol", message, { cause: error });
  }
}
