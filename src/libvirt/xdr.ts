/** Bytes that are not what the protocol allows, or a value that it cannot carry. */
export class XdrError extends Error {
  override readonly name = "XdrError";
}

/** The longest string libvirt sends or takes. Source: remote_protocol.x, REMOTE_STRING_MAX. */
export const STRING_MAX = 4_194_304;

/** Bytes of a UUID. Source: libvirt-host.h, VIR_UUID_BUFLEN. */
const UUID_BYTES = 16;

const UUID_TEXT = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;

/**
 * Writes values one after another in XDR's form: big-endian words of four bytes.
 *
 * Source: RFC 4506.
 */
export class XdrWriter {
  #buffer = Buffer.allocUnsafe(256);
  #length = 0;

  /** The bytes written up to now; valid until the next write. */
  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** @throws {XdrError} if the value is no 32-bit signed integer */
  int(value: number): void {
    if ((value | 0) !== value) throw new XdrError(`${value} is not a 32-bit signed integer`);
    this.#length = this.#reserve(4).writeInt32BE(value, this.#length);
  }

  /** @throws {XdrError} if the value is no 32-bit unsigned integer */
  uint(value: number): void {
    if (value >>> 0 !== value) throw new XdrError(`${value} is not a 32-bit unsigned integer`);
    this.#length = this.#reserve(4).writeUInt32BE(value, this.#length);
  }

  /** @throws {XdrError} if the value is no 64-bit signed integer */
  hyper(value: bigint): void {
    if (BigInt.asIntN(64, value) !== value) throw new XdrError(`${value} is not a 64-bit signed integer`);
    this.#length = this.#reserve(8).writeBigInt64BE(value, this.#length);
  }

  /** @throws {XdrError} if the value is no 64-bit unsigned integer */
  uhyper(value: bigint): void {
    if (BigInt.asUintN(64, value) !== value) throw new XdrError(`${value} is not a 64-bit unsigned integer`);
    this.#length = this.#reserve(8).writeBigUInt64BE(value, this.#length);
  }

  double(value: number): void {
    this.#length = this.#reserve(8).writeDoubleBE(value, this.#length);
  }

  bool(value: boolean): void {
    this.uint(value ? 1 : 0);
  }

  /**
   * @throws {XdrError} if the text is longer than 4 MiB in UTF-8 or has a NUL byte, which would end it in
   *   libvirtd
   */
  string(text: string): void {
    if (text.includes("\0")) throw new XdrError("a string must not contain a NUL byte");
    this.opaque(Buffer.from(text, "utf8"), STRING_MAX);
  }

  /** @throws {XdrError} as {@link XdrWriter.string} */
  optionalString(text: string | null): void {
    this.bool(text !== null);
    if (text !== null) this.string(text);
  }

  /**
   * @param text 32 hexadecimal digits, with or without the four dashes
   * @throws {XdrError} if the text is no UUID
   */
  uuid(text: string): void {
    if (!UUID_TEXT.test(text)) throw new XdrError(`"${text.slice(0, 64)}" is not a UUID`);
    this.#fixed(Buffer.from(text.replaceAll("-", ""), "hex"));
  }

  /** @throws {XdrError} if there are more than `max` bytes */
  opaque(bytes: Uint8Array, max: number): void {
    if (bytes.length > max) throw new XdrError(`${bytes.length} bytes, but at most ${max} can be sent`);
    this.uint(bytes.length);
    this.#fixed(bytes);
  }

  /** @throws {XdrError} if there are more than `max` items, or as `item` throws */
  array<T>(items: readonly T[], max: number, item: (writer: XdrWriter, value: T) => void): void {
    if (items.length > max) throw new XdrError(`${items.length} items, but at most ${max} can be sent`);
    this.uint(items.length);
    for (const value of items) item(this, value);
  }

  #fixed(bytes: Uint8Array): void {
    const padded = padTo4(bytes.length);
    const buffer = this.#reserve(padded);
    buffer.set(bytes, this.#length);
    buffer.fill(0, this.#length + bytes.length, this.#length + padded);
    this.#length += padded;
  }

  #reserve(bytes: number): Buffer {
    const needed = this.#length + bytes;
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
    return this.#buffer;
  }
}

/**
 * Reads values one after another. Every length is checked against its bound and against the bytes that are
 * there before anything is allocated. Every method throws {@link XdrError} at the end of the bytes.
 *
 * Source: RFC 4506.
 */
export class XdrReader {
  readonly #buffer: Buffer;
  #offset = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  int(): number {
    return this.#buffer.readInt32BE(this.#take(4));
  }

  uint(): number {
    return this.#buffer.readUInt32BE(this.#take(4));
  }

  hyper(): bigint {
    return this.#buffer.readBigInt64BE(this.#take(8));
  }

  uhyper(): bigint {
    return this.#buffer.readBigUInt64BE(this.#take(8));
  }

  /** A 64-bit unsigned integer as a number: exact up to 2^53. */
  uhyperNumber(): number {
    return Number(this.uhyper());
  }

  double(): number {
    return this.#buffer.readDoubleBE(this.#take(8));
  }

  /** @throws {XdrError} also if the word is neither 0 nor 1 */
  bool(): boolean {
    const word = this.uint();
    if (word > 1) throw new XdrError(`${word} is not a truth value`);
    return word === 1;
  }

  /** Text of at most 4 MiB; bytes that are not UTF-8 become U+FFFD. */
  string(): string {
    const length = this.uint();
    if (length > STRING_MAX) throw new XdrError(`a string of ${length} bytes is longer than allowed`);
    const start = this.#take(padTo4(length));
    return this.#buffer.toString("utf8", start, start + length);
  }

  optionalString(): string | null {
    return this.bool() ? this.string() : null;
  }

  /** A UUID in its canonical form: lower case, with dashes. */
  uuid(): string {
    const start = this.#take(UUID_BYTES);
    const hex = this.#buffer.toString("hex", start, start + UUID_BYTES);
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
  }

  /** A copy of at most `max` bytes. */
  opaque(max: number): Buffer {
    const length = this.uint();
    if (length > max) throw new XdrError(`${length} opaque bytes are more than the allowed ${max}`);
    const start = this.#take(padTo4(length));
    return Buffer.from(this.#buffer.subarray(start, start + length));
  }

  /** @param item reads at least one word, so that a length beyond the remaining bytes is refused early */
  array<T>(max: number, item: (reader: XdrReader) => T): T[] {
    const length = this.uint();
    if (length > max) throw new XdrError(`${length} items are more than the allowed ${max}`);
    if (length * 4 > this.#buffer.length - this.#offset) throw new XdrError(`${length} items do not fit`);
    const items: T[] = [];
    for (let i = 0; i < length; i++) items.push(item(this));
    return items;
  }

  /** Refuses a value that was read but has no meaning. */
  fail(message: string): never {
    throw new XdrError(message);
  }

  /** @throws {XdrError} if bytes are left */
  end(): void {
    const left = this.#buffer.length - this.#offset;
    if (left !== 0) throw new XdrError(`${left} bytes follow the last value`);
  }

  #take(bytes: number): number {
    const start = this.#offset;
    if (bytes > this.#buffer.length - start) throw new XdrError("the bytes end within a value");
    this.#offset = start + bytes;
    return start;
  }
}

function padTo4(length: number): number {
  return Math.ceil(length / 4) * 4;
}
