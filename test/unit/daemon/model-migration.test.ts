import * as fc from "fast-check";
import { expect, it } from "vitest";
import type { ModelPlan } from "../../support/fakes/model-platform.ts";
import { type Happening, ModelRun, type RequestName } from "../../support/fakes/model-run.ts";

const RUNS = Number(process.env["N"] ?? 150);

/** Most things happen close together: there they meet. */
const atMs = fc.oneof(
  fc.integer({ min: 10_000, max: 16_000 }),
  fc.integer({ min: 10_000, max: 30_000 }),
  fc.integer({ min: 10_000, max: 70_000 }),
);

const plan: fc.Arbitrary<ModelPlan> = fc.record({
  startMs: fc.constantFrom(0, 200, 3000),
  startFails: fc.constant([]),
  shutdownMs: fc.constantFrom(undefined, 0, 1000),
  destroyMs: fc.constantFrom(0, 300, 10_200),
  mood: fc.constant("well" as const),
  migration: fc.record({
    transferMs: fc.constantFrom(0, 500, 500, 3000, 3000, 100_000),
    handOverMs: fc.constantFrom(0, 200, 1000),
    failures: fc.array(
      fc.constantFrom("nowhere" as const, "nowhere" as const, "transfer" as const, "hand-over" as const),
      { maxLength: 3 },
    ),
    takesOver: fc.boolean(),
  }),
});

const shimGoneMs = fc.constantFrom(undefined, undefined, undefined, 0, 500, 5000);

function request(name: RequestName): fc.Arbitrary<Happening> {
  const timeoutS = fc.constantFrom(10, 30, 60, 300);
  return fc
    .record({ atMs, timeoutS, shimGoneMs })
    .map((one): Happening => ({ ...one, kind: "request", name }));
}

const momentary = fc
  .tuple(
    fc.constantFrom(
      "guest dies" as const,
      "goes by hand" as const,
      "goes by hand" as const,
      "comes by hand" as const,
      "comes by hand" as const,
      "dies there" as const,
      "daemon restarts" as const,
      "daemon restarts" as const,
    ),
    atMs,
  )
  .map(([kind, at]): Happening => ({ kind, atMs: at }));

const accident: fc.Arbitrary<Happening> = fc.oneof(
  momentary,
  fc.record({
    kind: fc.constantFrom("libvirt away" as const, "peer away" as const, "online there" as const),
    atMs,
    forMs: fc.constantFrom(1000, 10_000, 60_000),
  }),
);

/** The guest goes and comes back, both behind the engine's back, which knows of it or not. */
const journey = fc
  .record({ atMs, awayMs: fc.constantFrom(500, 2000, 8000), knownMs: fc.constantFrom(0, 3000, 30_000) })
  .map(({ atMs: at, awayMs, knownMs }): Happening[] => [
    { kind: "goes by hand", atMs: at },
    { kind: "online there", atMs: at + 500, forMs: knownMs },
    { kind: "comes by hand", atMs: at + 5000 + awayMs },
  ]);

/** The guest runs first: all else has nothing to work on before. */
const BEGINNING: Happening = {
  kind: "request",
  atMs: 0,
  name: "online",
  timeoutS: 300,
  shimGoneMs: undefined,
};

/** The case of the scenario: two monitors, a migrate and a clean, and what may happen beside. */
const happenings = fc
  .tuple(
    fc.tuple(request("monitor"), request("monitor"), request("migrate")),
    fc.option(request("clean")),
    fc.array(fc.oneof(request("online"), request("offline"), request("migrate"), request("clean")), {
      maxLength: 2,
    }),
    fc.array(accident, { maxLength: 6 }),
    fc.array(journey, { maxLength: 2 }),
  )
  .map(([fixed, clean, more, accidents, journeys]): Happening[] => [
    BEGINNING,
    ...fixed,
    ...(clean === null ? [] : [clean]),
    ...more,
    ...accidents,
    ...journeys.flat(),
  ]);

it("keeps its laws however migrations and all else interleave (scenario 96)", async () => {
  // what waits for its turn goes on more often than time passes: else nothing ever ends
  const dice = fc.array(fc.constantFrom(true, false, false, false), { minLength: 40, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(plan, happenings, fc.scheduler(), dice, async (some, all, scheduler, throws) => {
      const run = new ModelRun(some, scheduler, [...throws, true]);
      await run.play(all);

      // the story is told with its breaches
      expect(run.breaches.length === 0 ? [] : [...run.breaches, ...run.story]).toEqual([]);
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
}, 600_000);
