import { randomInt } from "node:crypto";

/** An address of the loopback, of its millions, that nobody else uses, with the port of the documentation. */
export function freeLoopbackAddress(): { readonly host: string; readonly port: number } {
  return { host: `127.${randomInt(1, 255)}.${randomInt(1, 255)}.${randomInt(1, 255)}`, port: 9868 };
}
