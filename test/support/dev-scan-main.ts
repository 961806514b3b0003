import { z } from "zod";
import { createLogger } from "../../daemon/logger.ts";
import { rhevmOf } from "../../src/rhev/rhevm.ts";
import { parseRhevmUrl, RHEVM_LIMITS, type RhevmSettings } from "../../src/rhev/settings.ts";
import { rhevAttributes, ScanHost } from "./scan-host.ts";

const argumentSchema = z.object({
  url: z.string(),
  caFile: z.string(),
  password: z.string(),
  folder: z.string(),
  scans: z.boolean(),
});

/** The scans of a daemon in a process of their own, to be killed. Logs to its output; runs until it is. */
async function main(): Promise<void> {
  const { url, caFile, password, folder, scans } = argumentSchema.parse(JSON.parse(process.argv[2] ?? ""));
  const log = createLogger("debug");
  const settings: RhevmSettings = {
    ...RHEVM_LIMITS,
    url: parseRhevmUrl(url),
    user: "admin@internal",
    auth: "basic",
    trust: { kind: "ca file", path: caFile },
  };
  const passwordSource = () => ({ kind: "file", path: password }) as const;
  const manager = rhevmOf({ settings, passwordSource, log });
  const host = new ScanHost({ manager, folder, log });
  await host.start();
  if (!scans) return;
  const attributes = rhevAttributes();
  const { signal } = new AbortController();
  await host.scans.ask({ resource: "web1_res", attributes, args: ["start"] }, signal);
}

await main();
