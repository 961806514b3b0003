import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ClusterStates } from "../support/engine/cluster-states.ts";
import { is } from "../support/engine/engine-log.ts";
import { createToyCluster, entryPointsOf, type ToyCluster } from "../support/engine/toy-cluster.ts";

let toy: ToyCluster;

beforeEach(async () => {
  toy = await createToyCluster();
});

afterEach(() => toy.end());

describe("the stand-in's faults", () => {
  it("cleans, restarts up to RestartLimit and then faults a resource that goes offline by itself", async () => {
    const engine = await toy.start("RestartLimit = 1");
    await engine.probed();
    await engine.online("web");
    const from = engine.log.entries.length;

    await toy.agent.guest("down");
    await engine.waitFor(is("clean", { reason: 4 }), 30_000, from);
    await engine.waitFor(is("restart", { count: 1 }), 30_000, from);
    await engine.waitFor(is("state", { to: "ONLINE" }), 30_000, from);
    await toy.agent.guest("down");
    await engine.waitFor(is("faulted"), 30_000, from);

    expect(engine.state("web")).toBe("FAULTED");
    await expect(engine.online("web")).rejects.toThrow("web is FAULTED");
    expect(await engine.clear("web")).toBe("OFFLINE");
    expect(await engine.online("web")).toBe("ONLINE");
  });

  it("calls a failing clean again after the next monitor until it succeeds", async () => {
    const engine = await toy.start();
    await engine.probed();
    await engine.online("web");
    await toy.agent.does(
      "clean",
      'echo . >>"$toy/cleans"; [ "$(wc -l <"$toy/cleans")" -ge 3 ] && exit 0; exit 1',
    );

    await toy.agent.guest("down");
    await engine.waitFor(is("faulted"));

    const names = entryPointsOf(engine);
    expect(names.slice(names.indexOf("clean"))).toEqual([
      "clean",
      "monitor",
      "clean",
      "monitor",
      "clean",
      "monitor",
    ]);
    expect(engine.log.entries.filter(is("clean failed"))).toHaveLength(2);
  });

  it("cleans and retries a resource that does not come online, then faults it", async () => {
    await toy.agent.does("online", "exit 0");
    const engine = await toy.start("OnlineWaitLimit = 1\n OnlineRetryLimit = 1");
    await engine.probed();
    const before = entryPointsOf(engine).length;

    expect(await engine.online("web")).toBe("FAULTED");

    const attempt = ["online", "monitor", "monitor", "clean", "monitor"];
    expect(entryPointsOf(engine).slice(before, before + 10)).toEqual([...attempt, ...attempt]);
    expect(engine.log.entries.filter(is("clean", { reason: 3 }))).toHaveLength(2);
  });

  it("takes INTENTIONAL OFFLINE for no fault, and a start from outside for ONLINE", async () => {
    const engine = await toy.start();
    await engine.probed();
    await toy.agent.guest("up");
    await engine.waitFor(is("external start"));

    await toy.agent.does("monitor", "exit 200");
    await engine.waitFor(is("state", { from: "ONLINE", to: "OFFLINE" }));

    expect(entryPointsOf(engine)).not.toContain("clean");
  });

  it("counts a clean that is killed at its timeout as failed, and gives up after CleanRetryLimit of them", async () => {
    const engine = await toy.start("CleanTimeout = 1.5\n CleanRetryLimit = 2");
    await engine.probed();
    await engine.online("web");
    await toy.agent.does("clean", "exec sleep 30");

    await toy.agent.guest("down");
    await engine.waitFor(is("clean given up"));
    const cleans = engine.log.entries.filter(is("clean failed", { reason: 4 }));
    await engine.probe("web");

    expect(cleans).toHaveLength(2);
    expect(engine.state("web")).toBe("ONLINE|ADMIN_WAIT");
    expect(engine.log.entries.filter(is("clean"))).toHaveLength(2);
    await toy.agent.does("clean", "exit 0");
    await engine.clear("web");
    await engine.waitFor(is("faulted"));
  });

  it("does not clean when the group leaves faults to the administrator", async () => {
    const engine = await toy.start("", {}, "ManageFaults = NONE");
    await engine.probed();
    await engine.online("web");

    await toy.agent.guest("down");
    await engine.waitFor(is("admin wait", { reason: 4 }));
    await engine.probe("web");

    expect(engine.state("web")).toBe("ONLINE|ADMIN_WAIT");
    expect(entryPointsOf(engine)).not.toContain("clean");
  });

  it("calls clean with reason 0 when offline hangs", async () => {
    await toy.agent.does("offline", "exec sleep 30");
    const engine = await toy.start("OfflineTimeout = 0.3");
    await engine.probed();
    await engine.online("web");

    expect(await engine.offline("web")).toBe("OFFLINE");

    expect((await toy.agent.argv("clean")).slice(0, 2)).toEqual(["web", "0"]);
  });

  it("keeps the state and sets a flag while monitor knows nothing, even when it is no program", async () => {
    const engine = await toy.start();
    await engine.probed();
    await engine.online("web");
    const from = engine.log.entries.length;

    await toy.agent.does("monitor", "kill -9 $$");
    await engine.waitFor(is("state", { from: "ONLINE", to: "ONLINE|STATE UNKNOWN" }), 30_000, from);
    await chmod(join(toy.agent.directory, "monitor"), 0o644);
    await engine.waitFor(is("entry point missing", { entryPoint: "monitor" }), 30_000, from);
    await engine.probe("web");

    expect(engine.state("web")).toBe("ONLINE|STATE UNKNOWN");
    expect(entryPointsOf(engine)).not.toContain("clean");
  });
});

describe("two stand-ins of one cluster", () => {
  it("moves a resource from one to the other", async () => {
    const cluster = new ClusterStates();
    const other = await toy.addAgent();
    const n1 = await toy.start("", { cluster });
    const n2 = await toy.start("OfflineMonitorInterval = 0", {
      cluster,
      system: "n2",
      agentDirectory: other.directory,
    });
    await Promise.all([n1.probed(), n2.probed()]);
    await n1.online("web");
    await toy.agent.does("migrate", `rm -f "$toy/up"; : >"${other.home}/up"`);

    expect(await n1.migrate("web", "n2")).toBe("OFFLINE");

    await n2.waitFor(is("state", { to: "ONLINE" }));
    const argv = await toy.agent.argv("migrate");
    expect(argv.slice(-7)).toEqual(["VCSInfo", "2", "TargetHost", "n2", "AEPTimeout", "1", "300"]);
    expect(cluster.of("web")).toEqual([
      ["n1", "OFFLINE"],
      ["n2", "ONLINE"],
    ]);
    expect(n2.log.entries.some(is("concurrency violation"))).toBe(false);
  });

  it("notices a resource that is ONLINE twice", async () => {
    const cluster = new ClusterStates();
    cluster.set("n2", "web", "ONLINE");
    const engine = await toy.start("", { cluster });
    await engine.probed();

    await toy.agent.guest("up");

    const violation = await engine.waitFor(is("concurrency violation"));
    expect(violation.details.text).toBe("ONLINE on n2 too");
  });

  it("takes the second one offline when it is told to", async () => {
    const cluster = new ClusterStates();
    cluster.set("n2", "web", "ONLINE");
    const engine = await toy.start("", { cluster, endsViolations: true });
    await engine.probed();

    await toy.agent.guest("up");

    await engine.waitFor(is("state", { from: "ONLINE", to: "OFFLINE" }));
    expect(entryPointsOf(engine)).toContain("offline");
  });

  it("does not mind a group that may run on both", async () => {
    const cluster = new ClusterStates();
    cluster.set("n2", "web", "ONLINE");
    const engine = await toy.start("", { cluster }, "Parallel = 1");
    await engine.probed();

    await toy.agent.guest("up");

    await engine.waitFor(is("state", { to: "ONLINE" }));
    expect(engine.log.entries.some(is("concurrency violation"))).toBe(false);
  });

  it("ends a migration that leaves the resource where it is", async () => {
    const engine = await toy.start("MigrateWaitLimit = 1");
    await engine.probed();
    await engine.online("web");

    expect(await engine.migrate("web", "n2")).toBe("ONLINE");

    expect(engine.log.entries.some(is("migrate failed"))).toBe(true);
    expect(engine.phase("web")).toBe("steady");
  });

  it("forgets a system that stops, and runs no shutdown when it is killed", async () => {
    const cluster = new ClusterStates();
    const engine = await toy.start("", { cluster });
    await engine.probed();

    await engine.stop("abrupt");

    expect(cluster.of("web")).toEqual([]);
    expect(cluster.member("n1")).toBeUndefined();
    await expect(toy.agent.argv("shutdown")).rejects.toThrow("ENOENT");
  });
});
