import { readFileSync } from "node:fs";

/** Tells one boot of this host from another. Source: proc(5), random(4). */
export function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
}
