import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { XdrError, XdrReader, XdrWriter } from "../../../src/libvirt/xdr.ts";

function written(write: (writer: XdrWriter) => void): string {
  const writer = new XdrWriter();
  write(writer);
  return writer.bytes().toString("hex");
}

function reader(hex: string): XdrReader {
  return new XdrReader(Buffer.from(hex, "hex"));
}

describe("XdrWriter", () => {
  it.each<[string, (writer: XdrWriter) => void, string]>([
    ["an int", (to) => to.int(-2), "fffffffe"],
    ["a uint", (to) => to.uint(0x20008086), "20008086"],
    ["a hyper", (to) => to.hyper(-1n), "ffffffffffffffff"],
    ["a uhyper", (to) => to.uhyper(0x0102030405060708n), "0102030405060708"],
    ["a double", (to) => to.double(1.5), "3ff8000000000000"],
    ["a truth value", (to) => to.bool(true), "00000001"],
    ["text with padding", (to) => to.string("abcde"), "000000056162636465000000"],
    ["text without padding", (to) => to.string("abcd"), "0000000461626364"],
    ["empty text", (to) => to.string(""), "00000000"],
    ["text in UTF-8", (to) => to.string("é"), "00000002c3a90000"],
    ["no text", (to) => to.optionalString(null), "00000000"],
    ["optional text", (to) => to.optionalString("a"), "000000010000000161000000"],
    ["a UUID", (to) => to.uuid("6695EB01-f6a4-8304-79aa-97f2502e193f"), "6695eb01f6a4830479aa97f2502e193f"],
    ["opaque bytes", (to) => to.opaque(Buffer.from([1, 2]), 4), "0000000201020000"],
    ["an array", (to) => to.array([1, 2], 2, (item, n) => item.int(n)), "000000020000000100000002"],
  ])("writes %s", (_what, write, hex) => {
    expect(written(write)).toBe(hex);
  });

  it.each<[string, (writer: XdrWriter) => void]>([
    ["an int that is too large", (to) => to.int(2 ** 31)],
    ["a fraction", (to) => to.int(1.5)],
    ["a negative uint", (to) => to.uint(-1)],
    ["no number", (to) => to.uint(Number.NaN)],
    ["a hyper that is too large", (to) => to.hyper(2n ** 63n)],
    ["a negative uhyper", (to) => to.uhyper(-1n)],
    ["text with a NUL byte", (to) => to.string("a\0b")],
    ["text of more than 4 MiB", (to) => to.string("x".repeat(4_194_305))],
    ["a UUID that is none", (to) => to.uuid("6695eb01-f6a4-8304-79aa-97f2502e193")],
    ["too many bytes", (to) => to.opaque(Buffer.alloc(5), 4)],
    ["too many items", (to) => to.array([1, 2, 3], 2, (item, n) => item.int(n))],
  ])("refuses %s", (_what, write) => {
    expect(() => write(new XdrWriter())).toThrow(XdrError);
  });
});

describe("XdrReader", () => {
  it.each<[string, (from: XdrReader) => unknown, string]>([
    ["a word that is cut off", (from) => from.int(), "000000"],
    ["text longer than what is there", (from) => from.string(), "0000000561626364"],
    ["text without its padding", (from) => from.string(), "000000056162636465"],
    ["text of 4 GiB", (from) => from.string(), "ffffffff"],
    ["a truth value of 2", (from) => from.bool(), "00000002"],
    ["more items than allowed", (from) => from.array(1, (item) => item.int()), "000000020000000100000002"],
    ["more items than can be there", (from) => from.array(1e9, (item) => item.int()), "3b9aca0000000001"],
    ["more bytes than allowed", (from) => from.opaque(1), "0000000201020000"],
    ["bytes after the end", (from) => from.end(), "00"],
  ])("refuses %s", (_what, read, hex) => {
    expect(() => read(reader(hex))).toThrow(XdrError);
  });

  it("writes UUIDs in lower case with dashes", () => {
    expect(reader("6695EB01F6A4830479AA97F2502E193F").uuid()).toBe("6695eb01-f6a4-8304-79aa-97f2502e193f");
  });

  it("gives opaque bytes as a copy, so that a packet is not kept", () => {
    const bytes = Buffer.from("0000000401020304", "hex");

    const copy = new XdrReader(bytes).opaque(4);
    bytes.fill(0);

    expect(copy).toEqual(Buffer.from([1, 2, 3, 4]));
  });

  it("reads back whatever the writer wrote", () => {
    const text = fc.string({ unit: "grapheme" }).filter((value) => !value.includes("\0"));
    const values = fc.record({
      int: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
      uint: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      hyper: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      uhyper: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      double: fc.double({ noNaN: true }),
      text,
      optional: fc.option(text),
      uuid: fc.uuid(),
      items: fc.array(text, { maxLength: 5 }),
    });

    fc.assert(
      fc.property(values, (value) => {
        const writer = new XdrWriter();
        writer.int(value.int);
        writer.uint(value.uint);
        writer.hyper(value.hyper);
        writer.uhyper(value.uhyper);
        writer.double(value.double);
        writer.string(value.text);
        writer.optionalString(value.optional);
        writer.uuid(value.uuid);
        writer.array(value.items, 5, (to, item) => to.string(item));

        const from = new XdrReader(writer.bytes());
        const back = {
          int: from.int(),
          uint: from.uint(),
          hyper: from.hyper(),
          uhyper: from.uhyper(),
          double: from.double(),
          text: from.string(),
          optional: from.optionalString(),
          uuid: from.uuid(),
          items: from.array(5, (item) => item.string()),
        };
        from.end();

        expect(back).toEqual(value);
      }),
    );
  });
});
