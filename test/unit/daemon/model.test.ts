import * as fc from "fast-check";
import { expect, it } from "vitest";
import type { ModelPlan } from "../../support/fakes/model-platform.ts";
import { type Happening, ModelRun } from "../../support/fakes/model-run.ts";

/** The rarest defect so far showed once in 2500 runs: the long tests look that far. */
const RUNS = process.env["VCSKVM_LONG"] === "1" ? 8000 : 300;

/** Most things happen close together: there they meet. */
const atMs = fc.oneof(fc.integer({ min: 0, max: 4000 }), fc.integer({ min: 0, max: 60_000 }));

const mood = fc.constantFrom("well", "well", "failed", "failed", "suspended", "lost");

const plan: fc.Arbitrary<ModelPlan> = fc.record({
  startMs: fc.constantFrom(0, 200, 200, 3000, 70_000),
  startFails: fc.array(fc.boolean(), { maxLength: 3 }),
  shutdownMs: fc.constantFrom(undefined, 0, 1000, 20_000),
  destroyMs: fc.constantFrom(0, 300, 10_200, 40_000),
  mood,
});

const request = fc.record({
  kind: fc.constant("request" as const),
  atMs,
  name: fc.constantFrom("monitor", "online", "offline", "clean"),
  timeoutS: fc.constantFrom(5, 10, 30, 60, 300),
  shimGoneMs: fc.constantFrom(undefined, undefined, undefined, 0, 500, 5000),
});

const accident: fc.Arbitrary<Happening> = fc.oneof(
  fc.record({ kind: fc.constant("guest dies" as const), atMs }),
  fc.record({ kind: fc.constant("agent falls silent" as const), atMs }),
  fc.record({ kind: fc.constant("guest becomes" as const), atMs, mood }),
  fc.record({
    kind: fc.constant("libvirt away" as const),
    atMs,
    forMs: fc.constantFrom(1000, 10_000, 60_000),
  }),
);

/** The engine stops what it has started, mostly: at random alone a clean would end everything at once. */
const AFTER_MS: Readonly<Record<string, number>> = { offline: 2000, clean: 8000 };

/** The case of the scenario: two monitors, an online, an offline and a clean, and more of the same. */
const happenings = fc
  .tuple(
    fc.tuple(
      ...(["monitor", "monitor", "online", "offline", "clean"] as const).map((name) =>
        request.map((one): Happening => ({ ...one, name, atMs: one.atMs + (AFTER_MS[name] ?? 0) })),
      ),
    ),
    fc.array(request, { maxLength: 4 }),
    fc.array(accident, { maxLength: 3 }),
  )
  .map((parts): Happening[] => parts.flat());

it("keeps its laws however requests, guests and libvirt interleave", async () => {
  const dice = fc.array(fc.boolean(), { minLength: 40, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(plan, happenings, fc.scheduler(), dice, async (some, all, scheduler, throws) => {
      const run = new ModelRun(some, scheduler, [...throws, true]);
      await run.play(all);

      expect(run.breaches).toEqual([]);
    }),
    { numRuns: RUNS },
  );
}, 3_000_000);
