import { copyFile } from "node:fs/promises";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { isReleaseName } from "./rhevm-simulator/release.ts";
import { startRhevmSimulator } from "./rhevm-simulator/simulator.ts";

const USAGE = `usage: npm run rhevm-simulator -- [OPTION]...
  --port N          to listen on; any free one when left out
  --host ADDRESS    to listen on (127.0.0.1)
  --user NAME       with profile (admin@internal)
  --password WORD   a test tool's: anybody on this system can read it (secret)
  --vms N           VMs vm1 to vmN, all down (3)
  --hosts N         hosts host1 to hostN, all up; the first is the SPM (2)
  --release NAME    3.1, 3.3, 3.6, 4.0, 4.3 or 4.5 (4.3)
  --speed N         simulated seconds in a real one (1)
  --ca-out FILE     where to put the certificate of the authority that signed the engine's
`;

function text(value: string): { type: "string"; default: string } {
  return { type: "string", default: value };
}

/** A simulated engine by itself: prints one JSON line once it listens, and ends at SIGTERM or SIGINT. */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      port: text("0"),
      host: { type: "string" },
      user: text("admin@internal"),
      password: text("secret"),
      vms: text("3"),
      hosts: text("2"),
      release: text("4.3"),
      speed: text("1"),
      "ca-out": { type: "string" },
    },
  });
  if (!isReleaseName(values.release)) throw new Error(`no such release: ${values.release}`);
  const [vms, hosts] = [names("vm", countOf(values.vms)), names("host", countOf(values.hosts))];
  const { user, password, release } = values;
  const host = values.host === undefined ? {} : { host: values.host };
  const [port, speed] = [countOf(values.port), Number(values.speed)];
  const simulator = await startRhevmSimulator({ ...host, port, user, password, release, vms, hosts, speed });
  const caFile = values["ca-out"] === undefined ? simulator.caFile : fromHere(values["ca-out"]);
  if (caFile !== simulator.caFile) await copyFile(simulator.caFile, caFile);
  const end = () => void simulator.stop().then(() => process.exit(0));
  process.once("SIGTERM", end).once("SIGINT", end);
  const { url, fingerprint } = simulator;
  const line = {
    port: simulator.port,
    url,
    release,
    user,
    cluster: "Default",
    hosts,
    vms,
    caFile,
    fingerprint,
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** npm runs its scripts in the repository's folder, and says where it was called. */
function fromHere(file: string): string {
  return resolve(process.env["INIT_CWD"] ?? ".", file);
}

function names(kind: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${kind}${index + 1}`);
}

function countOf(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 0) throw new Error(`no count: ${text}`);
  return count;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  process.exit(2);
});
