import { describe, expect, it } from "vitest";
import { AgentError } from "../../../src/agent-error.ts";
import type { MigrationPlan } from "../../../src/migration.ts";
import { errorOf } from "../../support/error-of.ts";
import { until } from "../../support/lab/until.ts";
import { testEngine } from "../../support/rhev-client.ts";
import { testPlatform } from "../../support/rhev-platform.ts";

const never = new AbortController().signal;

function planFor(target: string, abortAfterMs = 60_000): MigrationPlan & { readonly begun: string[] } {
  const begun: string[] = [];
  const onMoving = async (uuid: string) => void begun.push(uuid);
  return { target, abortAfterMs, onMoving, onProgress: () => undefined, begun };
}

/** A guest on host1, whose migrations end when the test lets time pass, and the platform there. */
async function running() {
  const engine = await testEngine({ hosts: ["host1", "host2"] });
  engine.world.addVm("web1", { host: "host1" });
  const { platform } = await testPlatform(engine);
  const verbs = () =>
    engine.requests.filter(({ method }) => method === "POST").map(({ url }) => url.replace(/^.*\//, ""));
  const isMigrating = () => engine.world.vm("web1").status === "migrating";
  return { engine, platform, verbs, isMigrating };
}

describe("a migration by the platform over RHEV-M", () => {
  it("is told before it is asked for, and ends where RHEV-M has the guest", async () => {
    const { engine, platform, verbs, isMigrating } = await running();
    const plan = planFor("host2");
    const migration = platform.migrate("web1", plan, never);
    await until("it migrates", isMigrating);
    expect(plan.begun).toEqual([engine.world.vm("web1").id]);

    engine.world.clock.advance(60_000);

    expect(await migration).toMatchObject({ kind: "moved", peer: "host2" });
    expect(verbs()).toEqual(["migrate"]);
  });

  it("is cancelled once when its time is over, and the guest stays", async () => {
    const { platform, verbs } = await running();

    const end = await platform.migrate("web1", planFor("host2", 1), never);

    expect(end).toMatchObject({ kind: "stayed" });
    expect(end.why).toContain("its time was over and it was cancelled");
    expect(verbs()).toEqual(["migrate", "cancelmigration"]);
  });

  it("is cancelled when a clean takes over", async () => {
    const { engine, platform, verbs, isMigrating } = await running();
    const over = new AbortController();
    const migration = errorOf(platform.migrate("web1", planFor("host2"), over.signal));
    await until("it migrates", isMigrating);

    over.abort(new AgentError("CANCELLED", "clean takes over"));

    expect(await migration).toMatchObject({ code: "CANCELLED" });
    expect(verbs()).toEqual(["migrate", "cancelmigration"]);
    expect(engine.world.vm("web1").status).toBe("up");
  });

  it("is left to RHEV-M when the entry point's time is over", async () => {
    const { platform, verbs, isMigrating } = await running();
    const over = new AbortController();
    const migration = errorOf(platform.migrate("web1", planFor("host2"), over.signal));
    await until("it migrates", isMigrating);

    over.abort(new AgentError("TIMED_OUT", "late"));

    expect(await migration).toMatchObject({ code: "TIMED_OUT" });
    expect(verbs()).toEqual(["migrate"]);
    expect(await platform.whereIs("web1", { uuid: undefined, peer: undefined }, never)).toBeUndefined();
  });

  it("goes on while the engine cannot be read", async () => {
    const { engine, platform, isMigrating } = await running();
    const migration = platform.migrate("web1", planFor("host2"), never);
    await until("it migrates", isMigrating);
    await engine.close();

    engine.world.clock.advance(60_000);
    await engine.reopen();

    expect(await migration).toMatchObject({ kind: "moved" });
  });

  it("finds its target by the first part of a host's name, and refuses to guess between two", async () => {
    const { engine, platform, verbs } = await running();
    engine.world.addHost("sys2.here.example.com", { address: "10.0.0.2" });
    engine.world.addHost("sys2.there.example.com", { address: "10.0.0.3" });

    const error = await errorOf(platform.migrate("web1", planFor("sys2"), never));

    expect(String(error)).toContain(
      "several hosts of RHEV-M may be it: name the right one in rhev.hosts.sys2",
    );
    expect(verbs()).toEqual([]);
  });
});
