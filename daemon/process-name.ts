import { writeFileSync } from "node:fs";

/** At most 15 bytes; src/kvm/emulator-scan.ts knows it, as no emulator's. Source: proc(5), /proc/pid/comm. */
const NAME = "vcskvmguestd";

/**
 * Gives this process the name by which `systemctl status`, `ps -C`, `top` and the kernel's log show it, instead of Node.js's.
 * The command line stays as it is. A process that cannot be named goes on with the name that it has.
 *
 * @param file for tests
 */
export function nameProcess(file = "/proc/self/comm"): void {
  try {
    writeFileSync(file, NAME);
  } catch {
    // only what others see
  }
}
