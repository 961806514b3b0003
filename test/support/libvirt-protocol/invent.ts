import type { XdrWriter } from "../../../src/libvirt/xdr.ts";
import { XdrReader } from "../../../src/libvirt/xdr.ts";
import type { Random } from "../random.ts";

/** Makes up a value for every read and writes it down: what was written is a body that the same decoder takes. */
export class InventingReader extends XdrReader {
  readonly #random: Random;
  readonly #writer: XdrWriter;

  constructor(random: Random, writer: XdrWriter) {
    super(Buffer.alloc(0));
    this.#random = random;
    this.#writer = writer;
  }

  override int(): number {
    const value = 1 + this.#random.below(7); // every kind of typed parameter is among these
    this.#writer.int(value);
    return value;
  }
  override uint(): number {
    const value = this.#random.word();
    this.#writer.uint(value);
    return value;
  }
  override hyper(): bigint {
    const value = BigInt(this.#random.word()) - 2n ** 31n;
    this.#writer.hyper(value);
    return value;
  }
  override uhyper(): bigint {
    const value = BigInt(this.#random.word()) << 31n;
    this.#writer.uhyper(value);
    return value;
  }
  override double(): number {
    this.#writer.double(0.5);
    return 0.5;
  }
  override bool(): boolean {
    const value = this.#random.below(2) === 1;
    this.#writer.bool(value);
    return value;
  }
  override string(): string {
    const value = "guest".slice(0, this.#random.below(6));
    this.#writer.string(value);
    return value;
  }
  override optionalString(): string | null {
    return this.bool() ? this.string() : null;
  }
  override uuid(): string {
    const value = "6695eb01-f6a4-8304-79aa-97f2502e193f";
    this.#writer.uuid(value);
    return value;
  }
  override opaque(max: number): Buffer {
    const value = Buffer.alloc(this.#random.below(9), 7);
    this.#writer.opaque(value, max);
    return value;
  }
  override array<T>(_max: number, item: (reader: XdrReader) => T): T[] {
    const length = this.#random.below(4);
    this.#writer.uint(length);
    return Array.from({ length }, () => item(this));
  }
}
