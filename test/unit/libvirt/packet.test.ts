import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodePacket, type Packet, PacketReader } from "../../../src/libvirt/packet.ts";
import { XdrError } from "../../../src/libvirt/xdr.ts";

const HEADER = { program: 0x20008086, version: 1, procedure: 212, type: 0, serial: 5, status: 0 };

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let offset = 0;
  for (let i = 0; offset < bytes.length; i++) {
    const size = Math.max(1, sizes[i % Math.max(1, sizes.length)] ?? bytes.length);
    chunks.push(bytes.subarray(offset, offset + size));
    offset += size;
  }
  return chunks;
}

describe("encodePacket", () => {
  it("writes the length and six words before the body", () => {
    const packet = encodePacket(HEADER, Buffer.from("cafecafe", "hex"));

    expect(packet.toString("hex")).toBe("000000202000808600000001000000d4000000000000000500000000cafecafe");
  });

  it("refuses a packet that libvirtd would not take", () => {
    expect(() => encodePacket(HEADER, new Uint8Array(33_554_432))).toThrow(XdrError);
  });
});

describe("PacketReader", () => {
  it("finds every packet, however the bytes are cut", () => {
    const bodies = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 8 });
    const sizes = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 });

    fc.assert(
      fc.property(bodies, sizes, (sent, cuts) => {
        const bytes = Buffer.concat(sent.map((body, serial) => encodePacket({ ...HEADER, serial }, body)));
        const packets = new PacketReader();
        const found: Packet[] = [];
        for (const chunk of cut(bytes, cuts)) found.push(...packets.push(chunk));

        expect(found.map(({ header }) => header)).toEqual(sent.map((_, serial) => ({ ...HEADER, serial })));
        expect(found.map(({ body }) => Buffer.from(body))).toEqual(sent.map((body) => Buffer.from(body)));
        expect(packets.held).toBe(0);
      }),
    );
  });

  it.each([0, 27, 33_554_437, 0xffffffff])("refuses a length of %i before the bytes come", (length) => {
    const word = Buffer.alloc(4);
    word.writeUInt32BE(length);

    expect(() => [...new PacketReader().push(word)]).toThrow(XdrError);
  });

  it("takes a large packet in small chunks in linear time", () => {
    const packet = encodePacket(HEADER, Buffer.alloc(8_000_000, 7));
    const packets = new PacketReader();

    const found = cut(packet, [1000]).flatMap((chunk) => [...packets.push(chunk)]);

    expect(found.map(({ body }) => body.length)).toEqual([8_000_000]);
  });
});
