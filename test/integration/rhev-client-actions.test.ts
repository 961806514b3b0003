import { describe, expect, it } from "vitest";
import { errorOf } from "../support/error-of.ts";
import { testClient, testEngine } from "../support/rhev-client.ts";
import type { ReleaseName } from "../support/rhevm-simulator/release.ts";
import type { RhevmSimulator } from "../support/rhevm-simulator/simulator.ts";

const signal = AbortSignal.timeout(170_000);

const RELEASES: readonly ReleaseName[] = ["3.1", "3.3", "3.6", "4.0", "4.3", "4.5"];

/** An engine with web1 down, web2 up on host1, and its client. */
async function site(release: ReleaseName) {
  const engine = await testEngine({ release, vms: ["web1"] });
  const { id: web2 } = engine.world.addVm("web2", { host: "host1" });
  const client = await testClient(engine);
  return { engine, ...client, web1: engine.world.vm("web1").id, web2 };
}

/** Lets the simulated time pass until all courses have ended. */
function settle(engine: RhevmSimulator): void {
  engine.world.clock.advance(600_000);
}

describe.each(RELEASES)("the RHEV client's actions at %s", (release) => {
  it("start a guest on a host, and stop it", async () => {
    const { engine, actions, reads, web1 } = await site(release);
    const { id: host2 } = engine.world.host("host2");

    const { status } = await actions.startVm(web1, host2, signal);
    settle(engine);
    expect(status).toBe("complete");
    expect(await reads.vm(web1, signal)).toMatchObject({ status: "up", hostId: host2 });

    await actions.stopVm(web1, "clean of VCS", signal);
    settle(engine);
    expect(await reads.vm(web1, signal)).toMatchObject({ status: "down", hostId: undefined });
  });

  it("shut a guest down, in a session that stands", async () => {
    const { engine, actions, reads, web2 } = await site(release);
    expect(await errorOf(actions.shutDownVm(web2, "offline of VCS", signal))).toMatchObject({
      code: "PLATFORM_DOWN",
    });
    expect((await reads.vm(web2, signal)).status).toBe("up");

    await actions.shutDownVm(web2, "offline of VCS", signal);
    settle(engine);

    expect((await reads.vm(web2, signal)).status).toBe("down");
  });

  it("migrate a guest to a host, and cancel a migration", async () => {
    const { engine, actions, reads, web2 } = await site(release);
    const { id: host2 } = engine.world.host("host2");

    await actions.migrateVm(web2, host2, signal);
    expect((await reads.vm(web2, signal)).status).toBe("migrating");
    await actions.cancelMigration(web2, signal);
    settle(engine);
    expect((await reads.vm(web2, signal)).hostId).toBe(engine.world.host("host1").id);

    await actions.migrateVm(web2, host2, signal);
    settle(engine);
    expect(await reads.vm(web2, signal)).toMatchObject({ status: "up", hostId: host2 });
  });

  it("give a guest a CD-ROM for its next start", async () => {
    const { engine, actions, web1 } = await site(release);

    await actions.setPayload(web1, "VCSNET", [{ name: "net.conf", content: "IPADDR=10.0.0.5\n" }], signal);

    expect(JSON.stringify(engine.world.vm("web1").payload)).toContain("IPADDR=10.0.0.5");
  });

  it("send a host to maintenance and take it back", async () => {
    const { engine, actions, reads } = await site(release);
    const { id } = engine.world.host("host2");

    await actions.deactivateHost(id, "DevScan of VCS", signal);
    settle(engine);
    expect((await reads.host(id, signal)).status).toBe("maintenance");

    await actions.activateHost(id, signal);
    settle(engine);
    expect((await reads.host(id, signal)).status).toBe("up");
  });

  it("tell the engine that a lost host is dead", async () => {
    const { engine, actions, reads } = await site(release);
    engine.world.addVm("web3", { host: "host2" });
    engine.world.loseHost("host2", { isDead: true });
    settle(engine);
    const { id } = engine.world.host("host2");
    expect((await reads.host(id, signal)).status).toBe("non_responsive");

    await actions.fenceHost(id, "manual", signal);

    expect((await reads.vmsNamed(["web3"], signal)).map(({ status }) => status)).toEqual(["down"]);
  });

  it("are refused with the engine's own words", async () => {
    const { actions, web1, web2 } = await site(release);

    const errors = [
      await errorOf(actions.startVm(web2, undefined, signal)),
      await errorOf(actions.stopVm(web1, "clean", signal)),
      await errorOf(actions.cancelMigration(web2, signal)),
    ];

    expect(errors).toMatchObject(errors.map(() => ({ code: "REFUSED" })));
    expect(errors.map(String).join("\n")).toMatch(
      /VM is running.*\n.*VM is not running.*\n.*non migrating VM/,
    );
  });

  it("on what the engine does not know say so", async () => {
    const { actions, reads } = await site(release);
    const nobody = "00000000-0000-4000-8000-000000000000";

    expect(await errorOf(actions.startVm(nobody, undefined, signal))).toMatchObject({
      code: "GUEST_NOT_FOUND",
    });
    expect(await errorOf(reads.vm(nobody, signal))).toMatchObject({ code: "GUEST_NOT_FOUND" });
    expect(await errorOf(actions.activateHost(nobody, signal))).toMatchObject({ code: "REFUSED" });
  });
});

describe("the RHEV client's actions", () => {
  it("make a host the SPM where the engine can, and read the places around it", async () => {
    const { engine, actions, reads } = await site("4.3");
    const { id } = engine.world.host("host2");

    await actions.selectSpm(id, signal);
    settle(engine);

    expect((await reads.host(id, signal)).spm).toBe("spm");
    const [cluster] = await reads.clusters(signal);
    const dataCenter = cluster?.dataCenterId ?? "";
    expect(await reads.cluster(cluster?.id ?? "", signal)).toEqual(cluster);
    expect(await reads.dataCenters(signal)).toEqual([await reads.dataCenter(dataCenter, signal)]);
    expect(await reads.storageDomains(dataCenter, signal)).toMatchObject([
      { status: "active", isMaster: true },
    ]);
  });

  it("are found again in the engine's events by their mark", async () => {
    const { engine, actions, reads, web1 } = await site("4.3");
    const before = await reads.newestEvent(signal);

    const { correlationId } = await actions.startVm(web1, undefined, signal);
    settle(engine);

    const events = await reads.eventsAfter(before, signal);
    expect(correlationId).toMatch(/^vcs-[0-9a-f]{32}$/);
    expect(events.some((event) => event.correlationId === correlationId && event.vmId === web1)).toBe(true);
  });
});
