import { expect, it } from "vitest";
import { runMigrations } from "../support/migrations/migration-runs.ts";

const LONG = process.env["VCSKVM_LONG"] === "1";
const RUNS = LONG ? 20 : 2;

it(`migrates a guest ${RUNS} times as the engine asks and ${RUNS} times behind its back, and the guest is ONLINE once`, {
  timeout: LONG ? 900_000 : 180_000,
}, async () => {
  const figures = await runMigrations(RUNS);

  expect(figures).toMatchObject({ bothOnline: 0, cleans: 0, irregularTicks: [] });
});
