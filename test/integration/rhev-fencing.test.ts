import { describe, expect, it } from "vitest";
import { AgentError, messageOf } from "../../src/agent-error.ts";
import { ManualFencing } from "../../src/rhev/manual-fencing.ts";
import { errorOf } from "../support/error-of.ts";
import { FakeEngine } from "../support/fakes/fake-engine.ts";
import { until } from "../support/lab/until.ts";
import { type TestClient, testClient, testEngine } from "../support/rhev-client.ts";
import type { RhevmSimulator, SimulatorOptions } from "../support/rhevm-simulator/simulator.ts";

const signal = AbortSignal.timeout(170_000);

const SETTINGS = { ownSystem: "host1", hostOf: () => undefined, remoteClusterOf: () => undefined };

/** A guest web1 on host2, which the engine has lost, and a daemon on host1 whose cluster says that host2 is FAULTED. */
async function lostHost({
  isDead = true,
  ...options
}: SimulatorOptions & { readonly isDead?: boolean } = {}) {
  const site = await testEngine({ speed: 200, ...options });
  site.world.addVm("web1", { host: "host2" });
  site.world.addVm("web2", { host: "host2" });
  site.world.loseHost("host2", { isDead });
  await until("it does not respond", () => site.world.host("host2").status === "non_responsive");
  const engine = new FakeEngine();
  engine.systems.set("host1", "RUNNING").set("host2", "FAULTED");
  engine.clusterValues.set("UseFence", "SCSI3");
  const client = await testClient(site);
  const { log } = client;
  const fencing = new ManualFencing({ engine, settings: () => SETTINGS, log, pollMs: 20 });
  const free = (guest = "web1", isWanted = true) => freeGuest(fencing, client, site, guest, isWanted);
  return { site, engine, client, fencing, free };
}

function freeGuest(
  fencing: ManualFencing,
  manager: TestClient,
  site: RhevmSimulator,
  name: string,
  isWanted: boolean,
): Promise<void> {
  return fencing.freeGuest(manager, { name, vmId: site.world.vm(name).id, isWanted }, signal);
}

async function refusalOf(work: Promise<void>): Promise<string> {
  return messageOf(await errorOf(work));
}

function fences({ requests }: RhevmSimulator): number {
  return requests.filter(({ url }) => url.endsWith("/fence")).length;
}

describe("manual fencing", () => {
  it.each(["3.1", "3.6", "4.3", "4.5"] as const)(
    "frees a guest from a host that died with it, at %s, and leaves a trail in the log",
    async (release) => {
      const { site, client, free } = await lostHost({ release });

      await free();

      expect(site.world.vm("web1")).toMatchObject({ status: "down", hostId: undefined });
      expect(fences(site)).toBe(1);
      const audit = client.log.entries.filter(({ fields }) => fields["audit"] === "manual fencing");
      expect(audit.map(({ message }) => message)).toEqual([
        "host is going to be declared dead at RHEV-M",
        "host was declared dead at RHEV-M",
      ]);
      expect(audit[0]?.fields).toMatchObject({
        guest: "web1",
        host: "host2",
        hostStatus: "non_responsive",
        system: "host2",
        systemState: "FAULTED",
        useFence: "SCSI3",
        guests: ["web1", "web2"],
      });
    },
  );

  it("asks everything again when its session had ended: the host may have come back during the log-in", async () => {
    const { site, free } = await lostHost();
    site.faults.next("unauthorized", {
      matching: ({ url }) => {
        if (!url.endsWith("/fence")) return false;
        site.world.setHostStatus("host2", "connecting");
        return true;
      },
    });

    expect(await refusalOf(free())).toContain("connecting");
    expect(fences(site)).toBe(1);
  });

  it("declares a host dead after its session was renewed, where all is as it was", async () => {
    const { site, free } = await lostHost();
    site.faults.next("unauthorized", { matching: ({ url }) => url.endsWith("/fence") });

    await free();

    expect(fences(site)).toBe(2);
    expect(site.world.vm("web1").status).toBe("down");
  });

  it("declares a host dead once for all its guests, though they are started together", async () => {
    const { site, free } = await lostHost();

    await Promise.all([free("web1"), free("web2")]);

    expect(fences(site)).toBe(1);
    expect(site.world.vm("web2").status).toBe("down");
  });

  it("frees the SPM too, once the data centre is problematic", async () => {
    const { site, free } = await lostHost({ hosts: ["host2", "host1"] });
    await until("it is problematic", () => site.world.dataCenter("Default").status === "problematic");

    await free();

    expect(site.world.host("host2").spm).toBe("none");
  });

  it.each(["EXITED", "RUNNING", "OFFLINE", "UNKNOWN", "LEAVING"])(
    "answers scenario 35: refuses while the system is %s, and the guest of a host that is alive is not run twice",
    async (state) => {
      const { site, engine, free } = await lostHost({ isDead: false });
      engine.systems.set("host2", state);

      expect(await errorOf(free())).toMatchObject({
        code: "REFUSED",
        message: `guest web1 is held by a host that RHEV-M does not hear, host2 (non_responsive), and it is not declared dead: hasys -state says that system host2 is ${state}, not FAULTED`,
      });
      expect(fences(site)).toBe(0);
      expect(site.world.twins).toEqual([]);
    },
  );

  it("says what blocks with UseManualRHEVMFencing = 0, and does nothing", async () => {
    const { site, free } = await lostHost();

    expect(await refusalOf(free("web1", false))).toMatch(
      /host2 \(non_responsive\).*UseManualRHEVMFencing is 0$/,
    );
    expect(fences(site)).toBe(0);
  });

  it("refuses when a guest of the host has RHEV-M's own HA flag", async () => {
    const { site, free } = await lostHost();
    site.world.vm("web2").isHighlyAvailable = true;

    expect(await refusalOf(free())).toMatch(/own HA flag: web2$/);
    expect(fences(site)).toBe(0);
  });

  it("refuses when the host comes back between the first look and the call", async () => {
    const { site, engine, free } = await lostHost({ isDead: false });
    const states = engine.systemStates.bind(engine);
    let asked = 0;
    engine.systemStates = () => {
      asked += 1;
      if (asked === 2) site.world.recoverHost("host2");
      return states();
    };

    expect(await refusalOf(free())).toMatch(/host host2 is up, not non_responsive/);
    expect(fences(site)).toBe(0);
  });

  it("reads what became of it when the answer to the call is lost", async () => {
    const { site, free } = await lostHost();
    site.faults.next("lost-answer", { matching: ({ url }) => url.endsWith("/fence") });

    await free();

    expect(fences(site)).toBe(1);
    expect(site.world.vm("web1").status).toBe("down");
  });

  it("refuses when the cluster's engine cannot be read", async () => {
    const { site, engine, free } = await lostHost();
    engine.trouble = new AgentError("PLATFORM_DOWN", "hasys: the engine did not answer in time");

    expect(await refusalOf(free())).toMatch(
      /hasys -state cannot be read: .*haclus -value UseFence cannot be read/,
    );
    expect(fences(site)).toBe(0);
  });
});
