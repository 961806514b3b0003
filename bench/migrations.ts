import { type Asker, type MigrationRun, runMigrations } from "../test/support/migrations/migration-runs.ts";
import { logAsShipped, sayMachine } from "./support/bench-host.ts";
import { median, say, sayResult } from "./support/figures.ts";

const RUNS = Number(process.argv[2] ?? 20);

if (!Number.isInteger(RUNS) || RUNS < 1) throw new Error("usage: npm run bench -- migrations [runs]");

await sayMachine();
const done: MigrationRun[] = [];
const { irregularTicks, ...figures } = await runMigrations(RUNS, {
  async onCluster(cluster) {
    for (const { name } of cluster.lab.hosts) await logAsShipped(cluster.on(name));
  },
  onRun(run) {
    done.push(run);
    const { asker, from, to, ms, knownMs } = run;
    say(`${asker}: ${from} to ${to}, ${ms.toFixed(0)} ms, known ${knownMs.toFixed(0)} ms after it ended`);
  },
});

say(`${RUNS} migrations asked by the engine, medians in ms: ${mediansOf("engine")}`);
say(`${RUNS} migrations asked by virsh, medians in ms: ${mediansOf("administrator")}`);
say(`ticks of the guest out of their order: ${irregularTicks.join(", ") || "none"}`);
say("limits: bothOnline 0, cleans 0, maxGapS 2, outsideKnownMs 1000");
sayResult("migrations", figures);

function mediansOf(asker: Asker): string {
  const runs = done.filter((run) => run.asker === asker);
  const [ms, knownMs] = [median(runs.map((run) => run.ms)), median(runs.map((run) => run.knownMs))];
  return `${ms.toFixed(0)}, of them ${knownMs.toFixed(0)} after the guest had left`;
}
