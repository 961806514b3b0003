import { describe, expect, it } from "vitest";
import {
  readErrorReply,
  readTypedParams,
  type TypedParam,
  writeTypedParams,
} from "../../../src/libvirt/structures.ts";
import { XdrError, XdrReader, XdrWriter } from "../../../src/libvirt/xdr.ts";
import { writeNamedDomain } from "../../support/fake-libvirtd.ts";

function readerOf(write: (writer: XdrWriter) => void): XdrReader {
  const writer = new XdrWriter();
  write(writer);
  return new XdrReader(writer.bytes());
}

describe("Typed parameters", () => {
  it.each<[TypedParam, string]>([
    [{ field: "a", type: "int", value: -1 }, "00000001ffffffff"],
    [{ field: "a", type: "uint", value: 5 }, "0000000200000005"],
    [{ field: "a", type: "llong", value: -1n }, "00000003ffffffffffffffff"],
    [{ field: "a", type: "ullong", value: 5n }, "000000040000000000000005"],
    [{ field: "a", type: "double", value: 1.5 }, "000000053ff8000000000000"],
    [{ field: "a", type: "boolean", value: true }, "0000000600000001"],
    [{ field: "a", type: "string", value: "b" }, "000000070000000162000000"],
  ])("write and read %o", (param, hex) => {
    const writer = new XdrWriter();
    writeTypedParams(writer, [param], 1);

    expect(writer.bytes().toString("hex")).toBe(`000000010000000161000000${hex}`);
    expect(readTypedParams(new XdrReader(writer.bytes()), 1)).toEqual(new Map([["a", param.value]]));
  });

  it("refuse a type that is none", () => {
    const reader = readerOf((writer) => {
      writer.uint(1);
      writer.string("a");
      writer.int(8);
      writer.int(0);
    });

    expect(() => readTypedParams(reader, 1)).toThrow(XdrError);
  });
});

describe("An error reply", () => {
  it("is read with every part that libvirt may send", () => {
    const uuid = "6695eb01-f6a4-8304-79aa-97f2502e193f";
    const reader = readerOf((writer) => {
      writer.int(42);
      writer.int(10);
      writer.optionalString(null);
      writer.int(2);
      writer.bool(true);
      writeNamedDomain(writer, "web1", uuid, -1);
      for (const text of ["a", "b", "c"]) writer.optionalString(text);
      writer.int(1);
      writer.int(2);
      writer.bool(true);
      writer.string("default");
      writer.uuid(uuid);
    });

    const reply = readErrorReply(reader);
    reader.end();

    expect(reply).toEqual({
      code: 42,
      domain: 10,
      level: 2,
      message: "libvirt error 42",
      str1: "a",
      str2: "b",
      str3: "c",
      int1: 1,
      int2: 2,
    });
  });
});
