import { describe, expect, it } from "vitest";
import { AgentError } from "../../../src/agent-error.ts";
import { OFFLINE } from "../../../src/resource-state.ts";
import { errorOf } from "../../support/error-of.ts";
import { until } from "../../support/lab/until.ts";
import { matching } from "../../support/matching.ts";
import { testEngine } from "../../support/rhev-client.ts";
import { testPlatform } from "../../support/rhev-platform.ts";
import type { RhevmSimulator } from "../../support/rhevm-simulator/simulator.ts";

const never = new AbortController().signal;

const BUDGET = { patienceMs: 10_000, startMayBePending: false };

/** Bodies of the actions that were asked for on VMs, by verb. */
function asked({ requests }: RhevmSimulator): readonly (readonly [verb: string, body: string])[] {
  return requests
    .filter(({ method, url }) => method === "POST" && url.includes("/vms/"))
    .map(({ url, body }) => [url.replace(/^.*\//, ""), body] as const);
}

/** Lets the engine's time pass while something is waited for. */
async function passing<T>(engine: RhevmSimulator, work: Promise<T>): Promise<T> {
  const stop = engine.world.clock.followRealTime(20);
  try {
    return await work;
  } finally {
    stop();
  }
}

describe("a start by the platform over RHEV-M", () => {
  it("names this host, returns once the guest holds an emulator, and does not take it for one that came", async () => {
    const engine = await testEngine({ vms: ["web1"] });
    const { platform } = await testPlatform(engine, { host: "host2" });

    await platform.start("web1", never);

    const id = engine.world.host("host2").id;
    const [[verb, body] = [], ...more] = asked(engine);
    expect([verb, more]).toEqual(["start", []]);
    expect(body).toContain(id);
    expect(await platform.read("web1", never)).toMatchObject({ active: true, moved: undefined });
  });

  it("is not asked for again for a guest that runs here already", async () => {
    const engine = await testEngine();
    engine.world.addVm("web1", { host: "host1" });
    const { platform } = await testPlatform(engine);

    await platform.start("web1", never);

    expect(asked(engine)).toEqual([]);
  });

  it.each([
    ["maintenance", "RHEV-M has this host, host1, as maintenance and not as up"],
    ["non_operational", "RHEV-M has this host, host1, as non_operational and not as up"],
  ] as const)("is refused on a host in %s", async (status, words) => {
    const engine = await testEngine({ vms: ["web1"] });
    engine.world.setHostStatus("host1", status);
    const { platform } = await testPlatform(engine);

    const error = await errorOf(platform.start("web1", never));

    expect(error).toMatchObject({ code: "REFUSED" });
    expect(String(error)).toContain(words);
    expect(asked(engine)).toEqual([]);
  });

  it("is refused on a host of another cluster", async () => {
    const engine = await testEngine({ vms: ["web1"] });
    engine.world.addCluster("Other", "Default");
    engine.world.addHost("foreign", { cluster: "Other" });
    const { platform } = await testPlatform(engine, { host: "foreign" });

    expect(await errorOf(platform.start("web1", never))).toMatchObject({ code: "REFUSED" });
    expect(asked(engine)).toEqual([]);
  });
});

describe("a stop by the platform over RHEV-M", () => {
  it("is asked for once, though the guest takes its time", async () => {
    const engine = await testEngine();
    engine.world.addVm("web1", { host: "host1" });
    const { platform } = await testPlatform(engine);

    await passing(engine, platform.destroy("web1", BUDGET, never));

    expect(asked(engine).map(([verb]) => verb)).toEqual(["stop"]);
    expect(engine.world.vm("web1").aliveOn.size).toBe(0);
  });

  it("is not proved by what was read before the guest was started", async () => {
    const engine = await testEngine({ vms: ["web1"] });
    const { platform } = await testPlatform(engine);
    expect(await platform.read("web1", never)).toMatchObject({ active: false });

    engine.world.setVmStatus("web1", "up", "host1");

    expect(await errorOf(platform.proveStopped("web1", never))).toMatchObject({ code: "STILL_RUNNING" });
  });

  it("is not proved by an engine that does not show the guest", async () => {
    const engine = await testEngine();
    const { platform } = await testPlatform(engine);

    expect(await errorOf(platform.proveStopped("web1", never))).toMatchObject({ code: "PLATFORM_DOWN" });
    expect(await errorOf(platform.destroy("web1", BUDGET, never))).toMatchObject({ code: "GUEST_NOT_FOUND" });
  });

  it.each(["while it is looked at", "while the agent logs in again"])(
    "leaves a guest alone that goes to another host %s",
    async (when) => {
      const engine = await testEngine();
      engine.world.addVm("web1", { host: "host1" });
      const { platform } = await testPlatform(engine, { host: "host1" });
      await platform.read("web1", never);
      const leaves = () => {
        engine.world.setVmStatus("web1", "up", "host2");
        return true;
      };
      if (when === "while it is looked at") {
        engine.faults.next("slow", { matching: ({ url }) => url.includes("/hosts") && leaves() });
      } else {
        engine.faults.next("unauthorized", { matching: ({ url }) => url.endsWith("/stop") && leaves() });
      }

      await passing(engine, platform.destroy("web1", BUDGET, never));

      expect(engine.world.vm("web1")).toMatchObject({ status: "up" });
      expect(asked(engine).length).toBe(when === "while it is looked at" ? 0 : 1);
    },
  );

  it("of a guest that boots is no shutdown: RHEV-M would cut its power", async () => {
    const engine = await testEngine();
    engine.world.addVm("web1", { host: "host1", status: "powering_up" });
    const { platform } = await testPlatform(engine);
    const over = new AbortController();
    const shutdown = errorOf(platform.requestShutdown("web1", over.signal));
    await until("it was read", () => engine.requests.some(({ url }) => url.includes("/hosts")));

    over.abort();

    expect(await shutdown).toBeInstanceOf(AgentError);
    expect(asked(engine)).toEqual([]);
  });
});

describe("what the platform over RHEV-M remembers", () => {
  it("is that a guest which it did not start came from elsewhere", async () => {
    const engine = await testEngine();
    engine.world.addVm("web1", { host: "host1" });
    const { platform } = await testPlatform(engine);

    expect(await platform.read("web1", never)).toMatchObject({ active: true, moved: "here" });
  });

  it("is after a restart of the daemon that a guest was suspended here", async () => {
    const engine = await testEngine({ vms: ["web1"] });
    engine.world.setVmStatus("web1", "suspended");
    const { platform } = await testPlatform(engine, { ranHereLast: true });

    expect(await platform.read("web1", never)).toMatchObject({
      state: { kind: "INTENTIONAL OFFLINE" },
      suspended: "asleep",
    });
  });

  it("is after a restart of the daemon that a guest left meanwhile", async () => {
    const engine = await testEngine();
    engine.world.addVm("web1", { host: "host2" });
    const { platform } = await testPlatform(engine, { ranHereLast: true });

    expect(await platform.read("web1", never)).toMatchObject({
      state: { kind: "INTENTIONAL OFFLINE" },
      moved: "away",
      active: false,
    });
    expect(await platform.whereIs("web1", { uuid: undefined, peer: undefined }, never)).toMatchObject({
      kind: "moved",
      peer: "host2",
    });
  });

  it("is nothing of a guest that ran somewhere else and went down there", async () => {
    const engine = await testEngine({ vms: ["web1"] });
    const { platform } = await testPlatform(engine);

    expect(await platform.read("web1", never)).toMatchObject({
      state: { kind: "OFFLINE" },
      suspended: undefined,
    });
  });
});

describe("engines that the platform over RHEV-M is connected to", () => {
  it("are logged in to once for all their guests, and logged out of at the end", async () => {
    const engine = await testEngine({ vms: ["web1", "web2", "web3"] });
    const { platform, end } = await testPlatform(engine);

    await platform.readAll(["web1", "web2", "web3"], never);
    const logins = () => new Set(engine.requests.map(({ headers }) => headers.cookie).filter(Boolean));
    expect(logins().size).toBe(1);
    await end();

    expect(engine.requests.at(-1)?.headers["prefer"]).toBeUndefined();
    expect(logins().size).toBe(1);
  });

  it("that cannot be read hide their guests and prove nothing", async () => {
    const engine = await testEngine({ vms: ["web1"] });
    const { platform } = await testPlatform(engine);
    await engine.close();

    expect(await errorOf(platform.readAll(["web1"], never))).toMatchObject({ code: "PLATFORM_DOWN" });
    expect(await errorOf(platform.refuseIfElsewhere("web1", never))).toMatchObject({ code: "PLATFORM_DOWN" });
    expect(await platform.whereIs("web1", { uuid: undefined, peer: undefined }, never)).toMatchObject({
      kind: "doubtful",
    });
  });
});

describe("a guest that came and ended between two readings", () => {
  it("ended here, as the event says, and is told as an end that nothing may act upon", async () => {
    const engine = await testEngine();
    engine.world.addVm("web1", { host: "host2" });
    const { platform, log } = await testPlatform(engine);
    expect((await platform.read("web1", never)).endedHere).toBeUndefined();

    engine.world.setVmStatus("web1", "up", "host1");
    engine.world.crashVm("web1");

    expect(await platform.read("web1", never)).toMatchObject({
      state: OFFLINE,
      active: false,
      endedHere: matching(/^RHEV-M's event \d+, VM_DOWN_ERROR$/),
    });
    const unseen = "guest ended in a migration or just after it, which the engine may not take for a fault";
    expect(log.messages("warn")).toEqual([unseen]);
  });

  it("is none of this host's where it ended on another", async () => {
    const engine = await testEngine();
    engine.world.addVm("web1", { host: "host1" });
    const { platform, log } = await testPlatform(engine);
    await platform.read("web1", never);

    engine.world.setVmStatus("web1", "up", "host2");
    engine.world.crashVm("web1");

    expect((await platform.read("web1", never)).endedHere).toBeUndefined();
    expect(log.messages("warn")).toEqual([]);
  });
});
