import type { PrivateLibvirtd } from "../lab/libvirtd.ts";
import { until } from "../lab/until.ts";

/** Ends libvirtd as a package upgrade does, and leaves its guests; resolves when it is gone. */
export async function stopLibvirtd(libvirtd: PrivateLibvirtd): Promise<void> {
  process.kill(libvirtd.pid, "SIGTERM");
  await until("libvirtd is gone", () => !runs(libvirtd));
}

function runs(libvirtd: PrivateLibvirtd): boolean {
  try {
    return libvirtd.pid > 0;
  } catch {
    return false; // its pid says so by throwing
  }
}
