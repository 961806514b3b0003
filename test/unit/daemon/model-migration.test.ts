import * as fc from "fast-check";
import { expect, it } from "vitest";
import type { ModelPlan } from "../../support/fakes/model-platform.ts";
import { type Happening, ModelRun } from "../../support/fakes/model-run.ts";

const RUNS = Number(process.env["N"] ?? 150);

/** Most things happen close together: there they meet. */
const atMs = fc.oneof(fc.integer({ min: 0, max: 6000 }), fc.integer({ min: 0, max: 60_000 }));

const plan: fc.Arbitrary<ModelPlan> = fc.record({
  startMs: fc.constantFrom(0, 200, 3000),
  startFails: fc.array(fc.boolean(), { maxLength: 2 }),
  shutdownMs: fc.constantFrom(undefined, 0, 1000),
  destroyMs: fc.constantFrom(0, 300, 10_200),
  mood: fc.constant("well" as const),
  migration: fc.record({
    transferMs: fc.constantFrom(0, 500, 3000, 100_000),
    handOverMs: fc.constantFrom(0, 200, 1000),
    failures: fc.array(fc.constantFrom("nowhere" as const, "transfer" as const, "hand-over" as const), {
      maxLength: 3,
    }),
    takesOver: fc.boolean(),
  }),
});

const request = fc.record({
  kind: fc.constant("request" as const),
  atMs,
  name: fc.constantFrom("monitor", "online", "offline", "clean", "migrate"),
  timeoutS: fc.constantFrom(10, 30, 60, 300),
  shimGoneMs: fc.constantFrom(undefined, undefined, undefined, 0, 500, 5000),
});

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

/** The engine migrates and cleans what it has started, mostly: at random alone nothing would be there. */
const AFTER_MS: Readonly<Record<string, number>> = { migrate: 3000, clean: 5000 };

/** The case of the scenario: two monitors, an online, a migrate and a clean, and what may happen beside. */
const happenings = fc
  .tuple(
    fc.tuple(
      ...(["monitor", "monitor", "online", "migrate", "clean"] as const).map((name) =>
        request.map((one): Happening => ({ ...one, name, atMs: one.atMs + (AFTER_MS[name] ?? 0) })),
      ),
    ),
    fc.array(request, { maxLength: 3 }),
    fc.array(accident, { maxLength: 6 }),
  )
  .map((parts): Happening[] => parts.flat());

it("keeps its laws however migrations and all else interleave (scenario 96)", async () => {
  const dice = fc.array(fc.boolean(), { minLength: 40, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(plan, happenings, fc.scheduler(), dice, async (some, all, scheduler, throws) => {
      const run = new ModelRun(some, scheduler, [...throws, true]);
      await run.play(all);

      expect(run.breaches).toEqual([]);
    }),
    { numRuns: RUNS },
  );
}, 600_000);
