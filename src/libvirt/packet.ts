import { XdrError } from "./xdr.ts";

/** The programs that share one socket. Source: remote_protocol.x, qemu_protocol.x, virkeepaliveprotocol.x. */
export const PROGRAM = { REMOTE: 0x20008086, QEMU: 0x20008087, KEEPALIVE: 0x6b656570 } as const;

/** The version of every program above. Source: the same files. */
export const PROGRAM_VERSION = 1;

/** Source: virnetprotocol.x, virNetMessageType. */
export const PACKET_TYPE = {
  CALL: 0,
  REPLY: 1,
  MESSAGE: 2,
  STREAM: 3,
  CALL_WITH_FDS: 4,
  REPLY_WITH_FDS: 5,
} as const;

/** Source: virnetprotocol.x, virNetMessageStatus. */
export const PACKET_STATUS = { OK: 0, ERROR: 1, CONTINUE: 2 } as const;

/** Source: virkeepaliveprotocol.x, keepalive_procedure. */
export const KEEPALIVE_PROCEDURE = { PING: 1, PONG: 2 } as const;

/** The longest packet, its length word included. Source: virnetprotocol.x, VIR_NET_MESSAGE_MAX and _LEN_MAX. */
export const PACKET_MAX = 33_554_432 + 4;

/** Length word and six header words. */
const HEADER_BYTES = 28;

/** The six words after a packet's length. `serial` joins a reply to its call and is 0 in messages. */
export type PacketHeader = {
  program: number;
  version: number;
  procedure: number;
  type: number;
  serial: number;
  status: number;
};

/** One whole packet; `body` is what follows the header. */
export type Packet = { header: PacketHeader; body: Buffer };

/** @throws {XdrError} if the packet would be longer than libvirtd takes */
export function encodePacket(header: PacketHeader, body: Uint8Array): Buffer {
  const length = HEADER_BYTES + body.length;
  if (length > PACKET_MAX) throw new XdrError(`a packet of ${length} bytes is longer than libvirtd takes`);
  const packet = Buffer.allocUnsafe(length);
  packet.writeUInt32BE(length, 0);
  packet.writeUInt32BE(header.program, 4);
  packet.writeUInt32BE(header.version, 8);
  packet.writeInt32BE(header.procedure, 12);
  packet.writeUInt32BE(header.type, 16);
  packet.writeUInt32BE(header.serial, 20);
  packet.writeUInt32BE(header.status, 24);
  packet.set(body, HEADER_BYTES);
  return packet;
}

/**
 * Cuts a stream of bytes into packets. What is held never exceeds one packet and the last chunk; a length that
 * libvirt would not send is refused before its bytes are waited for.
 */
export class PacketReader {
  #chunks: Buffer[] = [];
  #held = 0;

  /** Bytes of a packet that is not complete yet. */
  get held(): number {
    return this.#held;
  }

  /**
   * Takes the next bytes and yields the packets that they complete.
   *
   * @throws {XdrError} if a length is impossible; nothing after it can be read
   */
  *push(chunk: Buffer): Generator<Packet, void, void> {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    for (;;) {
      const length = this.#nextLength();
      if (length === undefined || length > this.#held) return;
      yield decodePacket(this.#cut(length));
    }
  }

  #nextLength(): number | undefined {
    if (this.#held < 4) return undefined;
    const length = this.#front(4).readUInt32BE(0);
    if (length < HEADER_BYTES || length > PACKET_MAX) throw new XdrError(`no packet has ${length} bytes`);
    return length;
  }

  /** Makes the first chunk at least `bytes` long. Joins only once a packet is complete, so cost stays linear. */
  #front(bytes: number): Buffer {
    const first = this.#chunks[0];
    if (first !== undefined && first.length >= bytes) return first;
    const joined = Buffer.concat(this.#chunks, this.#held);
    this.#chunks = [joined];
    return joined;
  }

  #cut(bytes: number): Buffer {
    const front = this.#front(bytes);
    this.#held -= bytes;
    if (front.length === bytes) this.#chunks.shift();
    else this.#chunks[0] = front.subarray(bytes);
    return front.subarray(0, bytes);
  }
}

function decodePacket(bytes: Buffer): Packet {
  const header = {
    program: bytes.readUInt32BE(4),
    version: bytes.readUInt32BE(8),
    procedure: bytes.readInt32BE(12),
    type: bytes.readUInt32BE(16),
    serial: bytes.readUInt32BE(20),
    status: bytes.readUInt32BE(24),
  };
  return { header, body: bytes.subarray(HEADER_BYTES) };
}
