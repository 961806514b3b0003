import { describe, expect, it } from "vitest";
import { makeUnwiredEngine, type UnwiredEngine } from "../../support/rhevm-simulator/unwired-engine.ts";

const ROOT = "/ovirt-engine/api";

/** The states that a VM goes through after an action, with the host's name, until nothing more happens. */
async function course(engine: UnwiredEngine, verb: string, body?: string): Promise<string[]> {
  const { world } = engine;
  const vm = world.vm("vm1");
  const seen: string[] = [];
  const look = () => {
    const host = world.hosts.find(({ id }) => id === vm.hostId)?.name;
    const word = host === undefined ? `${vm.status}` : `${vm.status} on ${host}`;
    if (seen.at(-1) !== word) seen.push(word);
  };
  look();
  const { status } = await engine.act(`${ROOT}/vms/${vm.id}/${verb}`, body);
  expect(status).toBe(200);
  for (let second = 0; second < 60; second++) {
    look();
    world.clock.advance(1000);
  }
  return seen;
}

function codes({ world }: UnwiredEngine): number[] {
  return world.events.all.map(({ code }) => code).filter((code) => code !== 30 && code !== 31);
}

function payloads(word: string): string {
  return `<payloads><payload><type>cdrom</type><files><file><name>net.conf</name><content>${word}\n</content></file></files></payload></payloads>`;
}

function site(): UnwiredEngine {
  const engine = makeUnwiredEngine({ hosts: ["host1", "host2", "host3"] });
  engine.world.addVm("vm1", { host: "host1" });
  return engine;
}

describe("a simulated VM", () => {
  it("starts through wait_for_launch and powering_up", async () => {
    const engine = makeUnwiredEngine({ vms: ["vm1"] });

    expect(await course(engine, "start")).toEqual([
      "down",
      "wait_for_launch on host1",
      "powering_up on host1",
      "up on host1",
    ]);
    expect(codes(engine)).toEqual([153, 32]);
  });

  it("starts on the host that the action names", async () => {
    const engine = makeUnwiredEngine({ vms: ["vm1"] });
    const { id } = engine.world.host("host2");
    const body = `<action><vm><placement_policy><hosts><host id="${id}"/></hosts></placement_policy></vm></action>`;

    expect((await course(engine, "start", body)).at(-1)).toBe("up on host2");
  });

  it("stays paused when it is started so, and goes on at the next start", async () => {
    const engine = makeUnwiredEngine({ vms: ["vm1"] });

    expect((await course(engine, "start", "<action><pause>true</pause></action>")).at(-1)).toBe(
      "paused on host1",
    );
    expect(await course(engine, "start")).toEqual(["paused on host1", "up on host1"]);
  });

  it("is down again, with an error, when its start fails", async () => {
    const engine = makeUnwiredEngine({ vms: ["vm1"] });
    engine.world.vm("vm1").startFailure = "Could not open disk image";

    expect(await course(engine, "start")).toEqual(["down", "wait_for_launch on host1", "down"]);
    expect(codes(engine)).toEqual([153, 119]);
  });

  it("shuts down through powering_down", async () => {
    const engine = site();

    expect(await course(engine, "shutdown")).toEqual(["up on host1", "powering_down on host1", "down"]);
    expect(engine.world.vm("vm1").lastEnd).toBe("shutdown");
    expect(codes(engine)).toEqual([73, 61]);
  });

  it("comes back up when it ignores a shutdown", async () => {
    const engine = site();
    engine.world.vm("vm1").ignoresShutdown = true;

    expect(await course(engine, "shutdown")).toEqual([
      "up on host1",
      "powering_down on host1",
      "up on host1",
    ]);
    expect(codes(engine)).toEqual([73, 147]);
  });

  it.each(["powering_up", "paused", "not_responding", "powering_down"] as const)(
    "loses its power by a shutdown while it is %s",
    async (status) => {
      const engine = site();
      engine.world.setVmStatus("vm1", status);

      await course(engine, "shutdown");

      expect(engine.world.vm("vm1")).toMatchObject({ status: "down", lastEnd: "destroyed" });
      expect(codes(engine)).toEqual([33]);
    },
  );

  it("loses its power by a shutdown that nobody in it can hear", async () => {
    const engine = site();
    engine.world.vm("vm1").hearsShutdown = false;

    await course(engine, "shutdown");

    expect(engine.world.vm("vm1").lastEnd).toBe("destroyed");
  });

  it("migrates, and is on the source until it is up on the target", async () => {
    const engine = site();
    const body = "<action><host><name>host2</name></host></action>";

    expect(await course(engine, "migrate", body)).toEqual([
      "up on host1",
      "migrating on host1",
      "up on host2",
    ]);
    expect(codes(engine)).toEqual([62, 63]);
    expect(engine.world.twins).toEqual([]);
  });

  it("stays on the source when a migration to a named host fails", async () => {
    const engine = site();
    engine.world.vm("vm1").failingMigrations = 1;
    const body = `<action><host id="${engine.world.host("host2").id}"/></action>`;

    expect((await course(engine, "migrate", body)).at(-1)).toBe("up on host1");
    expect(codes(engine)).toEqual([62, 120]);
  });

  it("is tried on another host when the engine chose the first", async () => {
    const engine = site();
    engine.world.vm("vm1").failingMigrations = 2;

    expect((await course(engine, "migrate")).at(-1)).toBe("up on host1");
    expect(codes(engine)).toEqual([62, 128, 62, 65]);
  });

  it("suspends to no host, and comes back through restoring_state", async () => {
    const engine = site();

    expect(await course(engine, "suspend")).toEqual(["up on host1", "saving_state on host1", "suspended"]);
    expect(await course(engine, "start")).toEqual(["suspended", "restoring_state on host1", "up on host1"]);
    expect(codes(engine)).toEqual([501, 503, 40]);
  });

  it("finds a payload in its drive at the next start, not before, and not from the start action", async () => {
    const engine = site();
    const { world } = engine;
    const path = `${ROOT}/vms/${world.vm("vm1").id}`;
    const headers = { "content-type": "application/xml" };

    await engine.ask(path, { method: "PUT", headers, body: `<vm>${payloads("IPADDR=10.0.0.5")}</vm>` });
    expect(world.vm("vm1").insertedPayload).toBeUndefined();
    await course(engine, "stop");
    await course(engine, "start", `<action><vm>${payloads("IGNORED")}</vm></action>`);

    expect(world.vm("vm1").insertedPayload).toEqual({
      type: "cdrom",
      volumeId: undefined,
      files: [{ name: "net.conf", content: "IPADDR=10.0.0.5\n" }],
    });
  });

  it("is started again by the engine after a crash when it is highly available, and not after a stop", async () => {
    const engine = site();
    engine.world.vm("vm1").isHighlyAvailable = true;

    engine.world.crashVm("vm1");
    engine.world.clock.advance(60_000);
    expect(engine.world.vm("vm1").status).toBe("up");
    await course(engine, "stop");

    expect(engine.world.vm("vm1").status).toBe("down");
  });

  it("tells its events by the id of the action that began them", async () => {
    const engine = site();

    await engine.act(`${ROOT}/vms/${engine.world.vm("vm1").id}/shutdown`, "<action/>", {
      "correlation-id": "ours-1",
    });
    engine.world.clock.advance(60_000);

    const told = engine.world.events.all.filter(({ correlationId }) => correlationId === "ours-1");
    expect(told.map(({ code }) => code)).toEqual([73, 61]);
  });
});
