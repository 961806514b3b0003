import { createHash } from "node:crypto";
import type { NetworkSetting } from "./dr-network.ts";

/** The label of the CD-ROM by which the guest's service finds it. */
export const PAYLOAD_VOLUME = "VCSNET";

/** The name of the file on it. */
export const PAYLOAD_NAME = "vcsnet.conf";

/** A file on a virtual CD-ROM for a guest. */
export interface PayloadFile {
  readonly name: string;
  /** ASCII text of at most 8192 characters, which is what RHEV-M takes */
  readonly content: string;
}

/** Whom a payload is for: for the guest's log only. */
export interface PayloadOrigin {
  readonly resource: string;
  readonly guest: string;
  /** The name of the site, where sites have names. */
  readonly site: string | undefined;
}

/**
 * Writes the file from which the service in a guest takes its network setting: docs/payload.md has the format.
 *
 * Every value is written in letters, digits and `.:_-`; other bytes of its UTF-8 as `%` and two hexadecimal digits. So
 * nothing of a value can end its line, or mean anything to a shell. The last line is the SHA-256 of all before it.
 */
export function payloadFileOf(setting: NetworkSetting, origin: PayloadOrigin): PayloadFile {
  const lines = [
    ["vcsnet", "1"],
    ["resource", shortened(origin.resource)],
    ["guest", shortened(origin.guest)],
    ...one("site", origin.site === undefined ? undefined : shortened(origin.site)),
    ["address", setting.address],
    ["prefix", String(setting.prefix)],
    ...one("gateway", setting.gateway),
    ...setting.dnsServers.map((server) => ["dns", server]),
    ...setting.dnsSearchPath.map((domain) => ["search", domain]),
    ...one("device", setting.device),
  ];
  const body = lines.map(([key = "", value = ""]) => `${key}=${quoted(value)}\n`).join("");
  const checksum = createHash("sha256").update(body).digest("hex");
  return { name: PAYLOAD_NAME, content: `${body}sha256=${checksum}\n` };
}

/** Names come from the engine and have no limit of their own; a quoted character may take twelve. */
const NAME_CHARACTERS = 100;

function shortened(name: string): string {
  return Array.from(name).slice(0, NAME_CHARACTERS).join("");
}

function one(key: string, value: string | undefined): readonly (readonly string[])[] {
  return value === undefined ? [] : [[key, value]];
}

function quoted(value: string): string {
  return [...Buffer.from(value, "utf8")].map(quotedByte).join("");
}

function quotedByte(byte: number): string {
  const character = String.fromCharCode(byte);
  if (/[A-Za-z0-9.:_-]/.test(character)) return character;
  return `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
}
