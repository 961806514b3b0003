import { XdrReader, XdrWriter } from "../../../src/libvirt/xdr.ts";

/** A writer that notes the words it is asked to write, instead of writing them. */
export class TracingWriter extends XdrWriter {
  readonly words: string[] = [];

  override int(): void {
    this.words.push("int");
  }
  override uint(): void {
    this.words.push("uint");
  }
  override hyper(): void {
    this.words.push("hyper");
  }
  override uhyper(): void {
    this.words.push("uhyper");
  }
  override bool(): void {
    this.words.push("bool");
  }
  override string(): void {
    this.words.push("string");
  }
  override optionalString(): void {
    this.words.push("bool", "string");
  }
  override uuid(): void {
    this.words.push("uuid");
  }
  override opaque(_bytes: Uint8Array, max: number): void {
    this.words.push(`opaque<${max}>`);
  }
  override array<T>(items: readonly T[], max: number, item: (writer: XdrWriter, value: T) => void): void {
    this.words.push(`array<${max}>`);
    const [first] = items;
    if (first === undefined) throw new Error("a sample needs one item in each array");
    item(this, first);
  }
}

/** A reader that makes up every word it is asked for, and notes which: one item in each array, every option there. */
export class TracingReader extends XdrReader {
  readonly words: string[] = [];

  constructor() {
    super(Buffer.alloc(0));
  }

  override int(): number {
    this.words.push("int");
    return 1;
  }
  override uint(): number {
    this.words.push("uint");
    return 1;
  }
  override hyper(): bigint {
    this.words.push("hyper");
    return 1n;
  }
  override uhyper(): bigint {
    this.words.push("uhyper");
    return 1n;
  }
  override bool(): boolean {
    this.words.push("bool");
    return true;
  }
  override string(): string {
    this.words.push("string");
    return "";
  }
  override optionalString(): string | null {
    this.words.push("bool", "string");
    return "";
  }
  override uuid(): string {
    this.words.push("uuid");
    return "";
  }
  override opaque(max: number): Buffer {
    this.words.push(`opaque<${max}>`);
    return Buffer.alloc(0);
  }
  override array<T>(max: number, item: (reader: XdrReader) => T): T[] {
    this.words.push(`array<${max}>`);
    return [item(this)];
  }
}
