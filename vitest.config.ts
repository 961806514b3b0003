import { defineConfig } from "vitest/config";

/** Tests of many minutes run by `npm run test:long` only. */
const long = process.env["VCSKVM_LONG"] === "1" ? ["test/long/**/*.test.ts"] : [];

/** Tests that wait much more than they work, for readings, silences and deadlines: a few of them run at a time. */
const patient = files([
  "engine-stand-in*",
  "rhev*",
  "dr-rhev",
  "preonline",
  "heartbeat",
  "heartbeat-excused",
  "shim-failures",
  "net-reconfig*",
  "packages",
  "install-vcs",
  "systemd",
  "migrate-post-copy-broken",
]);

/**
 * Tests with real hypervisors that wait about as much as they work, for guests that boot, stop and move: two at a time, one
 * for each core. Not those that leave emulators which nobody can look into: to every daemon beside them, these might be its
 * guest's. Who adds one has seen it pass beside others on a busy machine.
 */
const paired = files([
  "config-sync",
  "config-sync-cluster",
  "contract",
  "daemon-life*",
  "disk-locks",
  "dr-migrate",
  "entry-points-arguments",
  "entry-points-clean",
  "entry-points-offline*",
  "entry-points-online",
  "entry-points-registration",
  "guest-migrated",
  "heartbeat-migrated",
  "intent-faults",
  "ipc-daemon",
  "kvmguestctl",
  "late-start",
  "libvirtd-trouble-*",
  "managed-save",
  "migrate-came-back",
  "migrate-clean-frozen",
  "migrate-doubt",
  "migrate-interrupted-*",
  "migrate-post-copy",
  "migrate-reboot",
  "migrate-refused",
  "migrate-transports",
  "states-*",
]);

function files(names: readonly string[]): string[] {
  return names.map((name) => `test/integration/${name}.test.ts`);
}

/**
 * Unit tests first, together; then the tests with real hypervisors, one file after another: two cores are few; then those
 * that bear others beside them.
 */
export default defineConfig({
  test: {
    reporters: ["default", "./test/support/summary-reporter.ts"],
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts", "test/scenario/**/*.test.ts"],
          testTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts", ...long],
          exclude: [...paired, ...patient],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "paired",
          include: paired,
          maxWorkers: 2,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: "patient",
          include: patient,
          maxWorkers: 3,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
