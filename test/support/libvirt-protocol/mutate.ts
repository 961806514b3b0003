import type { Random } from "../random.ts";

const EDGES = [0, 1, 2, 0x7fffffff, 0x80000000, 0xffffffff, 4_194_304, 4_194_305, 33_554_436] as const;

/** Spoils a packet: a flipped bit, an edge value in some word, bytes cut off, put in, or doubled. */
export function mutate(random: Random, packet: Buffer): Buffer {
  const bytes = Buffer.from(packet);
  const times = 1 + random.below(3);
  return Array.from({ length: times }).reduce<Buffer>((spoilt) => spoil(random, spoilt), bytes);
}

function spoil(random: Random, bytes: Buffer): Buffer {
  if (bytes.length < 4) return bytes;
  const at = random.below(bytes.length);
  const word = random.below(Math.floor(bytes.length / 4)) * 4;
  switch (random.below(6)) {
    case 0:
      bytes.writeUInt8((bytes[at] ?? 0) ^ (1 << random.below(8)), at);
      return bytes;
    case 1:
      bytes.writeUInt32BE(random.pick(EDGES), word);
      return bytes;
    case 2:
      return withLength(bytes.subarray(0, at));
    case 3:
      return withLength(
        Buffer.concat([
          bytes.subarray(0, at),
          Buffer.alloc(random.below(40), random.word()),
          bytes.subarray(at),
        ]),
      );
    case 4:
      return Buffer.concat([bytes, bytes]);
    default:
      return bytes.subarray(0, at); // the length word promises more than comes
  }
}

/** Corrects the length word, so that what is wrong is found inside and not at the frame. */
function withLength(bytes: Buffer): Buffer {
  if (bytes.length < 28) return bytes;
  const framed = Buffer.from(bytes);
  framed.writeUInt32BE(framed.length, 0);
  return framed;
}
