import { expect, it } from "vitest";
import { runChecks } from "../../../daemon/readiness/run-checks.ts";
import { AgentError } from "../../../src/agent-error.ts";
import { type Check, type CheckRow, rowsOf } from "../../../src/readiness.ts";
import { wordsOf } from "../../support/fakes/inspected-host.ts";

const never = new AbortController().signal;

function check(about: string, look: (signal: AbortSignal) => Promise<readonly CheckRow[]>): Check {
  return { name: "peer", about, look };
}

function ok(about: string): Check {
  return check(about, async () => [rowsOf("peer", about).ok("well")]);
}

it("has rows in the order of the checks, whichever ends first", async () => {
  const order: string[] = [];
  const steps: (() => void)[] = [];
  const slow = check("slow", async () => {
    await new Promise<void>((resolve) => steps.push(resolve));
    order.push("slow");
    return [rowsOf("peer", "slow").ok("well")];
  });
  const quick = check("quick", async () => {
    order.push("quick");
    steps[0]?.();
    return [rowsOf("peer", "quick").ok("well")];
  });

  const rows = await runChecks([slow, quick], never);

  expect(order).toEqual(["quick", "slow"]);
  expect(rows.map(({ about }) => about)).toEqual(["slow", "quick"]);
});

it("gives a check that hangs a row of its own, and the others theirs", async () => {
  const hung = check("node2", () => new Promise(() => undefined));

  const rows = await runChecks([hung, ok("node3")], never, 20);

  expect(wordsOf(rows)).toEqual(["not checked: the look at node2 did not end within 20 ms", "ok: well"]);
});

it("waits as long as a check itself says", async () => {
  const patient = { ...check("node2", () => new Promise(() => undefined)), limitMs: 5 };

  expect(wordsOf(await runChecks([patient], never, 60_000))).toEqual([
    "not checked: the look at node2 did not end within 5 ms",
  ]);
});

it("does not lose other rows to an error, expected or not", async () => {
  const refused = check("a", () => Promise.reject(new AgentError("NOT_ALLOWED", "not let in")));
  const defect = check("b", () => Promise.reject(new TypeError("x is undefined")));

  expect(wordsOf(await runChecks([refused, defect, ok("c")], never))).toEqual([
    "not checked: not let in",
    "not checked: a defect of this check: x is undefined",
    "ok: well",
  ]);
});

it("runs sixteen checks at a time at most", async () => {
  let [running, most] = [0, 0];
  const checks = Array.from({ length: 40 }, (_, at) =>
    check(String(at), async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      return [rowsOf("peer", String(at)).ok("well")];
    }),
  );

  const rows = await runChecks(checks, never);

  expect(rows).toHaveLength(40);
  expect(most).toBe(16);
});
