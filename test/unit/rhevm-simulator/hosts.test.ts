import { describe, expect, it } from "vitest";
import { makeUnwiredEngine, type UnwiredEngine } from "../../support/rhevm-simulator/unwired-engine.ts";

const ROOT = "/ovirt-engine/api";
const MANUAL = "<action><fence_type>manual</fence_type></action>";

function act(
  { world, act: post }: UnwiredEngine,
  host: string,
  verb: string,
  body?: string,
): Promise<{ status: number }> {
  return post(`${ROOT}/hosts/${world.host(host).id}/${verb}`, body);
}

/** Each host's state, with its part in the storage. */
function hosts({ world }: UnwiredEngine): Record<string, string> {
  return Object.fromEntries(
    world.hosts.map(({ name, status, spm }) => [name, spm === "none" ? status : `${status}, ${spm}`]),
  );
}

function site(): UnwiredEngine {
  const engine = makeUnwiredEngine();
  engine.world.addVm("vm1", { host: "host1" });
  return engine;
}

describe("a host that is deactivated", () => {
  it("gives away its SPM role and its VMs, and is in maintenance then", async () => {
    const engine = site();

    expect((await act(engine, "host1", "deactivate")).status).toBe(200);
    expect(hosts(engine)).toEqual({ host1: "preparing_for_maintenance", host2: "up, contending" });
    expect(engine.world.dataCenter("Default").status).toBe("contend");
    engine.world.clock.advance(60_000);

    expect(hosts(engine)).toEqual({ host1: "maintenance", host2: "up, spm" });
    expect(engine.world.vm("vm1")).toMatchObject({ status: "up", hostId: engine.world.host("host2").id });
    expect(engine.world.dataCenter("Default").status).toBe("up");
  });

  it("stays on its way when a VM cannot leave", async () => {
    const engine = site();
    engine.world.vm("vm1").failingMigrations = 9;

    await act(engine, "host1", "deactivate");
    engine.world.clock.advance(600_000);

    expect(hosts(engine)["host1"]).toBe("preparing_for_maintenance");
  });

  it("is up again through unassigned and initializing when it is activated", async () => {
    const engine = makeUnwiredEngine();
    await act(engine, "host2", "deactivate");
    engine.world.clock.advance(60_000);

    await act(engine, "host2", "activate");
    const seen = [hosts(engine)["host2"]];
    for (const ms of [2500, 2500]) {
      engine.world.clock.advance(ms);
      seen.push(hosts(engine)["host2"]);
    }

    expect(seen).toEqual(["unassigned", "initializing", "up"]);
  });

  it("leaves a data centre without an SPM not operational when there is no other", async () => {
    const engine = makeUnwiredEngine({ hosts: ["host1"] });

    await act(engine, "host1", "deactivate");
    engine.world.clock.advance(60_000);

    expect(engine.world.dataCenter("Default").status).toBe("not_operational");
  });
});

describe("a host that is lost", () => {
  it("shows what was seen last until its time of grace is over", () => {
    const engine = site();

    engine.world.loseHost("host1");
    engine.world.clock.advance(80_000); // 60 s, 20 s for the SPM, 0.5 s for the VM
    expect(hosts(engine)).toEqual({ host1: "connecting, spm", host2: "up" });
    expect(engine.world.vm("vm1").status).toBe("up");
    engine.world.clock.advance(500);

    expect(hosts(engine)).toEqual({ host1: "non_responsive, spm", host2: "up" });
    expect(engine.world.vm("vm1").status).toBe("unknown");
    expect(engine.world.dataCenter("Default").status).toBe("problematic");
  });

  it("frees its SPM role and its VMs when it is fenced by hand, and not before", async () => {
    const engine = site();
    engine.world.loseHost("host1", { isDead: true });
    engine.world.clock.advance(60_000);
    expect((await act(engine, "host1", "fence", MANUAL)).status).toBe(409);
    engine.world.clock.advance(60_000);

    expect((await act(engine, "host1", "fence", MANUAL)).status).toBe(200);
    engine.world.clock.advance(10_000);

    expect(hosts(engine)).toEqual({ host1: "non_responsive", host2: "up, spm" });
    expect(engine.world.vm("vm1")).toMatchObject({ status: "down", hostId: undefined });
    expect(engine.world.events.all.map(({ code }) => code)).toEqual(
      expect.arrayContaining([12, 142, 494, 143]),
    );
    expect((await act(engine, "host1", "deactivate")).status).toBe(200);
  });

  it("goes on running its guests when it is only cut off: after a manual fence one can run twice", async () => {
    const engine = site();
    engine.world.loseHost("host1");
    engine.world.clock.advance(120_000);
    await act(engine, "host1", "fence", MANUAL);

    expect(engine.world.twins).toEqual([]);
    await engine.act(`${ROOT}/vms/${engine.world.vm("vm1").id}/start`);

    expect(engine.world.twins.map(({ name }) => name)).toEqual(["vm1"]);
  });

  it("is as it was when it comes back", () => {
    const engine = site();
    engine.world.loseHost("host1");
    engine.world.clock.advance(120_000);

    engine.world.recoverHost("host1");

    expect(hosts(engine)).toEqual({ host1: "up, spm", host2: "up" });
    expect(engine.world.vm("vm1").status).toBe("up");
    expect(engine.world.dataCenter("Default").status).toBe("up");
  });

  it("is restarted by the engine itself when it has power management", () => {
    const engine = site();
    engine.world.host("host1").powerManagement = "works";

    engine.world.loseHost("host1");
    engine.world.clock.advance(90_000);
    expect(hosts(engine)["host1"]).toBe("reboot");
    expect(engine.world.vm("vm1").status).toBe("down");
    engine.world.clock.advance(120_000);

    expect(hosts(engine)).toEqual({ host1: "up", host2: "up, spm" });
  });

  it("leaves the SPM role to no host that never takes it", async () => {
    const engine = makeUnwiredEngine({ hosts: ["host1", "host2", "host3"] });
    engine.world.host("host2").spmPriority = -1;

    await act(engine, "host1", "deactivate");
    engine.world.clock.advance(60_000);

    expect(hosts(engine)).toEqual({ host1: "maintenance", host2: "up", host3: "up, spm" });
  });
});

describe("an engine that is restarted", () => {
  it("is away, forgets its logins, then its hosts' and VMs' states, and knows all again", async () => {
    const engine = site();
    engine.world.addVm("vm2", { host: "host2", status: "paused" });
    engine.world.addVm("vm3");
    const states = () => engine.world.vms.map(({ status }) => status);
    const persistent = { prefer: "persistent-auth" };
    await engine.ask(ROOT, { headers: persistent });
    expect(engine.logins.open).toBe(1);

    engine.world.restartEngine();
    expect((await engine.ask(ROOT)).status).toBe(503);
    engine.world.clock.advance(30_000);
    expect([engine.logins.open, ...states()]).toEqual([0, "unassigned", "unassigned", "down"]);
    engine.world.clock.advance(5000);
    expect(hosts(engine)).toEqual({ host1: "connecting, spm", host2: "connecting" });
    expect(states()).toEqual(["unknown", "unknown", "down"]);
    engine.world.clock.advance(5000);

    expect(states()).toEqual(["up", "paused", "down"]);
    expect(hosts(engine)).toEqual({ host1: "up, spm", host2: "up" });
  });
});

describe("a data centre", () => {
  it("shows the states of its storage domains, as long as anybody can tell them", async () => {
    const engine = makeUnwiredEngine();
    const path = `${ROOT}/datacenters/${engine.world.dataCenter("Default").id}/storagedomains`;
    const state = async () => /<status>(\w+)<\/status>/.exec((await engine.ask(path)).text)?.[1];

    expect(await state()).toBe("active");
    engine.world.loseHost("host1");
    engine.world.clock.advance(120_000);
    expect(await state()).toBe("unknown");
  });
});

describe("a role that is to go to another cluster", () => {
  it("goes from host to host as they are deactivated, and none is deactivated while it takes the role", async () => {
    const engine = makeUnwiredEngine({ hosts: ["far1", "far2"] });
    engine.world.addCluster("Local", "Default");
    engine.world.addHost("near1", { cluster: "Local" });

    expect((await act(engine, "far1", "deactivate")).status).toBe(200);
    expect(hosts(engine)["far2"]).toBe("up, contending");
    expect((await act(engine, "far2", "deactivate")).status).toBe(409);
    engine.world.clock.advance(10_000);
    expect((await act(engine, "far2", "deactivate")).status).toBe(200);
    engine.world.clock.advance(10_000);
    expect(hosts(engine)).toEqual({ far1: "maintenance", far2: "maintenance", near1: "up, spm" });
    for (const name of ["far1", "far2"]) await act(engine, name, "activate");
    engine.world.clock.advance(10_000);

    expect(hosts(engine)).toEqual({ far1: "up", far2: "up", near1: "up, spm" });
  });

  it("is not the business of another data centre's hosts", () => {
    const engine = makeUnwiredEngine();
    engine.world.addDataCenter("Other");
    engine.world.addCluster("Apart", "Other");
    engine.world.addHost("apart1", { cluster: "Apart" });

    engine.world.loseHost("host1", { isDead: true });
    engine.world.clock.advance(120_000);

    expect(hosts(engine)).toEqual({ host1: "non_responsive, spm", host2: "up", apart1: "up, spm" });
    expect(engine.world.dataCenters.map(({ status }) => status)).toEqual(["problematic", "up"]);
  });
});
