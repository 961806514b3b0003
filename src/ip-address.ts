import { isIPv4, isIPv6 } from "node:net";

/** An IPv4 or IPv6 address as a number. */
export interface IpAddress {
  /** 32 or 128 */
  readonly bits: 32 | 128;
  readonly value: bigint;
}

/** Reads an address of either family, without zone and prefix; undefined when it is none. */
export function parseIpAddress(text: string): IpAddress | undefined {
  if (isIPv4(text)) return { bits: 32, value: numberOf(text.split(".").map(Number), 8) };
  if (!isIPv6(text) || text.includes("%")) return undefined;
  return { bits: 128, value: numberOf(groupsOf(text), 16) };
}

/** The canonical text. Source: RFC 5952, section 4. */
export function addressText({ bits, value }: IpAddress): string {
  if (bits === 32) return partsOf(value, 4, 8).join(".");
  const groups = partsOf(value, 8, 16).map((group) => group.toString(16));
  const zeros = longestZeros(groups);
  if (zeros === undefined) return groups.join(":");
  return `${groups.slice(0, zeros.from).join(":")}::${groups.slice(zeros.to).join(":")}`;
}

/**
 * The prefix of a mask (`255.255.255.0`, `ffff:ffff::`) or a number of bits (`24`, `/24`) for an address; undefined when it
 * is none: holes in the mask, no network bit, more bits than the address has.
 */
export function prefixOf(text: string, { bits }: IpAddress): number | undefined {
  const number = /^\/?(\d{1,3})$/.exec(text)?.[1];
  const prefix = number === undefined ? maskBits(text, bits) : Number(number);
  return prefix !== undefined && prefix >= 1 && prefix <= bits ? prefix : undefined;
}

/** Whether an address can be that of one host: not unspecified, loopback, multicast, reserved, IPv4 within IPv6. */
export function isHostAddress({ bits, value }: IpAddress): boolean {
  if (bits === 32) {
    const first = value >> 24n;
    return first !== 0n && first !== 127n && first < 224n;
  }
  // all of ::/32 is special; multicast is ff00::/8. Source: IANA IPv6 special-purpose address registry
  return value >> 96n !== 0n && value >> 120n !== 0xffn;
}

/** Link-local: 169.254.0.0/16 or fe80::/10. */
export function isLinkLocal({ bits, value }: IpAddress): boolean {
  return bits === 32 ? value >> 16n === 0xa9fen : value >> 118n === 0x3fan;
}

/** Whether an address is in the network of another one. */
export function isInNetwork(one: IpAddress, other: IpAddress, prefix: number): boolean {
  const hostBits = BigInt(other.bits - prefix);
  return one.bits === other.bits && one.value >> hostBits === other.value >> hostBits;
}

/** The network of an address: `10.1.2.0/24`. */
export function networkText({ bits, value }: IpAddress, prefix: number): string {
  const hostBits = BigInt(bits - prefix);
  return `${addressText({ bits, value: (value >> hostBits) << hostBits })}/${prefix}`;
}

function maskBits(text: string, bits: 32 | 128): number | undefined {
  const mask = parseIpAddress(text);
  if (mask === undefined || mask.bits !== bits) return undefined;
  const digits = mask.value.toString(2).padStart(bits, "0");
  return /^1*0*$/.test(digits) ? digits.lastIndexOf("1") + 1 : undefined;
}

function groupsOf(text: string): readonly number[] {
  const [head = "", tail] = text.split("::");
  const before = groupsIn(head);
  if (tail === undefined) return before;
  const after = groupsIn(tail);
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after];
}

/** The last group may be written as IPv4. */
function groupsIn(text: string): readonly number[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) => {
    if (!group.includes(".")) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split(".").map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}

function numberOf(parts: readonly number[], bitsEach: number): bigint {
  return parts.reduce((value, part) => (value << BigInt(bitsEach)) | BigInt(part), 0n);
}

function partsOf(value: bigint, count: number, bitsEach: number): readonly number[] {
  return Array.from({ length: count }, (_, at) =>
    Number(BigInt.asUintN(bitsEach, value >> BigInt(bitsEach * (count - 1 - at)))),
  );
}

/** The first longest run of two or more zero groups. */
function longestZeros(groups: readonly string[]): { from: number; to: number } | undefined {
  let longest = { from: 0, to: 1 };
  for (let from = 0; from < groups.length; from++) {
    let to = from;
    while (groups[to] === "0") to++;
    if (to - from > longest.to - longest.from) longest = { from, to };
  }
  return longest.to - longest.from < 2 ? undefined : longest;
}
