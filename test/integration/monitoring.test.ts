import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { STOPPED } from "../support/fakes/fake-platform.ts";
import { MetricsHost } from "../support/metrics/metrics-host.ts";
import { repositoryFile } from "../support/repository.ts";

const run = promisify(execFile);

const rulesSchema = z.object({
  groups: z.array(z.object({ rules: z.array(z.object({ alert: z.string(), expr: z.string() })) })),
});
const dashboardSchema = z.object({
  panels: z.array(z.object({ title: z.string(), targets: z.array(z.object({ expr: z.string() })) })),
});

/** Every metric of the product, with its type. */
let types: ReadonlyMap<string, string>;
let folder: string;

function promtool(...args: string[]): Promise<{ stdout: string }> {
  return run("promtool", args, { cwd: repositoryFile("docs/monitoring") });
}

/** Metrics that an expression names. */
function metricsIn(expression: string): readonly string[] {
  return [...expression.matchAll(/\b(?:vcskvmguestd|process|nodejs)_[a-z_]+/g)].map(([name]) => name);
}

/** Whether a scrape has such samples. */
function isServed(name: string): boolean {
  const family = name.replace(/_(?:bucket|sum|count)$/, "");
  return types.has(name) || types.get(family) === "histogram";
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "monitoring-"));
  const { host, metrics } = new MetricsHost();
  host.platform.readings.set("web1", STOPPED);
  await host.ask("monitor");
  const { body } = await metrics.text();
  types = new Map(
    [...body.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = "", type = ""]) => [name, type]),
  );
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe("docs/monitoring/README.md", () => {
  it("names every metric, with its type, and no other", async () => {
    const text = await readFile(repositoryFile("docs/monitoring/README.md"), "utf8");
    const rows = [...text.matchAll(/^\| `([a-z_]+)` \| (counter|gauge|histogram) \|/gm)];

    expect(new Map(rows.map(([, name = "", type = ""]) => [name, type]))).toEqual(types);
  });
});

describe("docs/monitoring/alerts.yml", () => {
  it("is taken by promtool, and its tests succeed", async () => {
    expect((await promtool("check", "rules", "alerts.yml")).stdout).toContain("SUCCESS");
    expect((await promtool("test", "rules", "alerts.test.yml")).stdout).toContain("SUCCESS");
  });

  it("names only metrics that there are, and tests every alert", async () => {
    const text = await readFile(repositoryFile("docs/monitoring/alerts.yml"), "utf8");
    const tests = await readFile(repositoryFile("docs/monitoring/alerts.test.yml"), "utf8");
    const rules = rulesSchema.parse(parse(text)).groups.flatMap((group) => group.rules);

    expect(rules.flatMap(({ expr }) => metricsIn(expr)).filter((name) => !isServed(name))).toEqual([]);
    const tested = new Set([...tests.matchAll(/alertname: (\w+)\n/g)].map(([, name]) => name));
    expect(rules.map(({ alert }) => alert).filter((alert) => !tested.has(alert))).toEqual([]);
  });
});

describe("docs/monitoring/dashboard.json", () => {
  it("asks for metrics that there are, in words that Prometheus takes", async () => {
    const text = await readFile(repositoryFile("docs/monitoring/dashboard.json"), "utf8");
    const { panels } = dashboardSchema.parse(JSON.parse(text));
    const expressions = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
    const rules = expressions.map((expr, at) => ({
      record: `panel:${at}`,
      expr: expr.replaceAll("$__rate_interval", "1m").replaceAll(/\$(?:instance|resource)/g, ".*"),
    }));
    const file = join(folder, "dashboard.yml");
    await writeFile(file, JSON.stringify({ groups: [{ name: "dashboard", rules }] }));

    expect(expressions.length).toBeGreaterThan(20);
    expect(expressions.flatMap(metricsIn).filter((name) => !isServed(name))).toEqual([]);
    expect((await promtool("check", "rules", file)).stdout).toContain("SUCCESS");
  });
});
