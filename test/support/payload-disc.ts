import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./lab/run.ts";

const BAD = "$(touch /etc/owned);`touch /etc/owned`'\"|&<>\\";
const KEYS = ["resource", "guest", "site", "address", "prefix", "gateway", "dns", "search", "device"];

/** A payload with a right checksum, and metacharacters of a shell in every value. */
export function hostilePayload(): string {
  return sealed(`vcsnet=1\n${KEYS.map((key) => `${key}=${BAD}\n`).join("")}`);
}

/** A whole payload of lines that the daemon would never write. */
export function sealed(body: string): string {
  return `${body}sha256=${createHash("sha256").update(body).digest("hex")}\n`;
}

/** Writes a CD-ROM image as the daemon's, with any file on it. */
export async function writePayloadDisc(folder: string, image: string, content: string): Promise<void> {
  const disc = await mkdtemp(join(folder, "disc-"));
  await writeFile(join(disc, "vcsnet.conf"), content);
  await run("genisoimage", ["-quiet", "-R", "-J", "-V", "VCSNET", "-o", image, disc]);
  await rm(disc, { recursive: true });
}
