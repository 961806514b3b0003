import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { IpcError } from "../../../ipc/ipc-error.ts";
import { decodeArguments, encodeReply } from "../../../ipc/protocol.ts";

describe("decodeArguments", () => {
  it.each([
    ["no bytes as no arguments", "", []],
    ["one NUL as one empty argument", "\0", [""]],
    ["blanks, quotes and line feeds as they are", "a b\0'\"\0\n\0", ["a b", "'\"", "\n"]],
    ["empty arguments in the middle and at the end", "SyncDir\x001\0\0", ["SyncDir", "1", ""]],
    ["a byte order mark as a character", "\ufeffx\0", ["\ufeffx"]],
  ])("reads %s", (_what, body, args) => {
    expect(decodeArguments(Buffer.from(body))).toEqual(args);
  });

  it("reads back whatever arguments a shim can have", () => {
    const argument = fc.string({ unit: "grapheme" }).filter((text) => !text.includes("\0"));
    fc.assert(
      fc.property(fc.array(argument), (args) => {
        const body = Buffer.from(args.map((text) => `${text}\0`).join(""));
        expect(decodeArguments(body)).toEqual(args);
      }),
    );
  });

  it("refuses a body that is cut off", () => {
    expect(() => decodeArguments(Buffer.from("vmres\0GuestNa"))).toThrow(
      expect.objectContaining({ code: "BAD_REQUEST" }),
    );
  });

  it("refuses bytes that are no UTF-8 instead of replacing them", () => {
    expect(() => decodeArguments(Buffer.from([0x66, 0xfc, 0x72, 0]))).toThrow(
      expect.objectContaining({ code: "BAD_REQUEST" }),
    );
  });

  it("reads any bytes or refuses them, and never fails otherwise", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        try {
          expect(Buffer.from(`${decodeArguments(bytes).join("\0")}\0`).subarray(0, bytes.length)).toEqual(
            Buffer.from(bytes),
          );
        } catch (error) {
          if (!(error instanceof IpcError)) throw error;
        }
      }),
    );
  });
});

describe("encodeReply", () => {
  it("puts the exit code on a line of its own before the output", () => {
    expect(encodeReply({ exitCode: 0, output: "two\nlines\n" }).toString()).toBe("0\ntwo\nlines\n");
  });

  it("ends the exit code's line when there is no output", () => {
    expect(encodeReply({ exitCode: 110, output: "" }).toString()).toBe("110\n");
  });

  it("keeps 2047 bytes of the output", () => {
    expect(encodeReply({ exitCode: 0, output: "x".repeat(3000) })).toHaveLength(2 + 2047);
  });

  it("does not cut a character in two", () => {
    const reply = encodeReply({ exitCode: 0, output: "€".repeat(1000) });

    expect(reply.toString()).toBe(`0\n${"€".repeat(682)}`);
  });

  it("leaves out NUL bytes, which no shell can hold", () => {
    expect(encodeReply({ exitCode: 1, output: "a\0b" }).toString()).toBe("1\nab");
  });
});
