import { readFile, writeFile } from "node:fs/promises";
import { cpus, release } from "node:os";
import { type Host, makeHost } from "../../test/support/host/host.ts";
import { run } from "../../test/support/lab/run.ts";
import { say } from "./figures.ts";

/** Runs a benchmark on a host of its own, with the daemon's default settings, and ends the process. */
export async function benchmark(work: (host: Host) => Promise<void>): Promise<void> {
  const host = await makeHost();
  try {
    await logAsShipped(host);
    await sayMachine();
    await work(host);
  } finally {
    await host.stop();
  }
}

/** Tests have the log at debug, which costs a line for each monitor. */
export async function logAsShipped(host: Host): Promise<void> {
  const text = await readFile(host.configFile, "utf8");
  await writeFile(host.configFile, text.replace("level: debug", "level: info"));
}

/** Prints on what the figures were measured. */
export async function sayMachine(): Promise<void> {
  const libvirt = (await run("libvirtd", ["--version"])).stdout;
  const processors = cpus();
  say(`machine: ${processors.length} x ${processors[0]?.model ?? "?"}, Linux ${release()}`);
  say(`node ${process.version}, ${libvirt}`);
}
