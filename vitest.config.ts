import { defineConfig } from "vitest/config";

/** Tests of many minutes run by `npm run test:long` only. */
const long = process.env["VCSKVM_LONG"] === "1" ? ["test/long/**/*.test.ts"] : [];

/** Tests that wait much more than they work, for readings, silences and deadlines: a few of them run at a time. */
const patient = [
  "systemd",
  "rhev*",
  "dr-rhev",
  "preonline",
  "heartbeat",
  "heartbeat-excused",
  "shim-failures",
  "net-reconfig*",
  "migrate-post-copy-broken",
].map((name) => `test/integration/${name}.test.ts`);

/**
 * Unit tests first, together; then the tests with real hypervisors, one file after another: two cores are few; then those
 * that mostly wait, a few at a time.
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
          exclude: patient,
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "patient",
          include: patient,
          maxWorkers: 3,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
