import { describe, expect, it } from "vitest";
import { parseAttributes } from "../../src/attributes.ts";
import type { NetworkSetting } from "../../src/dr-network.ts";
import { type PayloadFile, payloadFileOf } from "../../src/payload-file.ts";
import { errorOf } from "../support/error-of.ts";
import type { RecordingLog } from "../support/fakes/recording-log.ts";
import { containing } from "../support/matching.ts";
import { testEngine, USER } from "../support/rhev-client.ts";
import { testPlatform } from "../support/rhev-platform.ts";
import type { ReleaseName } from "../support/rhevm-simulator/release.ts";
import type { RhevmSimulator } from "../support/rhevm-simulator/simulator.ts";

const signal = AbortSignal.timeout(170_000);

const SETTING: NetworkSetting = {
  address: "10.1.2.3",
  prefix: 24,
  gateway: "10.1.2.1",
  dnsServers: ["10.1.2.53"],
  dnsSearchPath: ["example.com"],
  device: undefined,
};
const PAYLOAD = payloadFileOf(SETTING, { resource: "web1_res", guest: "web1", site: undefined });

interface Site {
  readonly engine: RhevmSimulator;
  readonly log: RecordingLog;
  readonly prepare: (payload: PayloadFile | undefined, cluster?: string) => Promise<void>;
  readonly start: () => Promise<void>;
}

/** An engine with host1 in cluster Default, which is this host, and host2 in cluster Remote. */
async function makeSite(release: ReleaseName, cluster = "Default"): Promise<Site> {
  const engine = await testEngine({ release, hosts: ["host1"], speed: 20 });
  engine.world.addCluster("Remote", "Default");
  engine.world.addHost("host2", { cluster: "Remote" });
  engine.world.addVm("web1", { cluster });
  const { platform, log } = await testPlatform(engine);
  return {
    engine,
    log,
    prepare: (payload, wanted = "Default") => {
      const rhevm = ["Enabled", "1", "URL", engine.url, "User", USER, "Cluster", wanted];
      const tuples = new Map([
        ["GuestName", ["web1"]],
        ["RHEVMInfo", rhevm],
      ]);
      return platform.setPayload(parseAttributes("web1_res", tuples), payload, signal);
    },
    start: () => platform.start("web1", signal),
  };
}

const isChange = ({ method }: { readonly method: string }) => method === "PUT";
const changesOf = ({ requests }: RhevmSimulator) => requests.filter(({ method }) => method === "PUT").length;

describe("payload of a guest of RHEV-M", () => {
  it.each(["3.1", "3.3", "3.6", "4.0", "4.3", "4.5"] as const)(
    "is there at its start, on an engine of release %s",
    async (release) => {
      const { engine, prepare, start } = await makeSite(release);
      await prepare(PAYLOAD);
      await start();

      expect(engine.world.vm("web1").insertedPayload).toMatchObject({
        type: "cdrom",
        files: [{ name: "vcsnet.conf", content: PAYLOAD.content }],
        ...(release === "3.1" ? {} : { volumeId: "VCSNET" }),
      });
    },
  );

  it("is written once for the same values, and again for others", async () => {
    const { engine, prepare } = await makeSite("4.3");
    await prepare(PAYLOAD);
    await prepare(PAYLOAD);
    expect(changesOf(engine)).toBe(1);
    const other = { ...PAYLOAD, content: PAYLOAD.content.replace("10.1.2.3", "10.9.2.3") };
    await prepare(other);

    expect(engine.world.vm("web1").payload?.files[0]?.content).toBe(other.content);
  });

  it.each(["3.1", "3.6", "4.3"] as const)("is taken away when it is switched off, on %s", async (release) => {
    const { engine, prepare } = await makeSite(release);
    await prepare(PAYLOAD);
    await prepare(undefined);
    expect(
      engine.world
        .vm("web1")
        .payload?.files.map(({ content }) => content)
        .join("") ?? "",
    ).toBe("");
    const changes = changesOf(engine);
    await prepare(undefined);

    expect(changesOf(engine)).toBe(changes);
  });

  it("stays as it is while the guest is suspended, which goes on with the devices that it had", async () => {
    const { engine, prepare } = await makeSite("4.3");
    await prepare(PAYLOAD);
    engine.world.vm("web1").status = "suspended";
    await prepare(undefined);
    await prepare({ ...PAYLOAD, content: PAYLOAD.content.replace("10.1.2.3", "10.9.2.3") });

    expect(engine.world.vm("web1").payload?.files[0]?.content).toBe(PAYLOAD.content);
    expect(changesOf(engine)).toBe(1);
  });

  it("leaves another's payload alone, and says that there can be one only", async () => {
    const { engine, prepare } = await makeSite("4.3");
    const other = {
      type: "floppy",
      volumeId: undefined,
      files: [{ name: "sysprep.inf", content: "x" }],
    } as const;
    engine.world.vm("web1").payload = other;
    await prepare(undefined);

    expect(await errorOf(prepare(PAYLOAD))).toMatchObject({
      code: "REFUSED",
      message: containing("payload of another kind for it (file sysprep.inf)"),
    });
    expect(engine.world.vm("web1").payload).toEqual(other);
  });
});

describe("cloud-init or sysprep of a guest of RHEV-M", () => {
  const WARNING =
    "guest has cloud-init or sysprep, which at its first run takes the place of its network settings";

  it.each(["3.6", "4.3"] as const)(
    "stays as it is, and is warned of, for at the first run the engine gives its CD-ROM instead of ours, on %s",
    async (release) => {
      const { engine, prepare, start, log } = await makeSite(release);
      engine.world.vm("web1").initialHostName = "web1";
      await prepare(PAYLOAD);
      await start();

      expect(engine.world.vm("web1")).toMatchObject({ initialHostName: "web1", insertedPayload: undefined });
      expect(log.messages("warn")).toEqual([WARNING]);
    },
  );

  it("does not come in the way of a guest that has run before", async () => {
    const { engine, prepare, start } = await makeSite("4.3");
    engine.world.vm("web1").initialHostName = "web1";
    engine.world.vm("web1").starts = 1;
    await prepare(PAYLOAD);
    await start();

    expect(engine.world.vm("web1")).toMatchObject({ initialHostName: "web1" });
    expect(engine.world.vm("web1").insertedPayload?.files[0]?.content).toBe(PAYLOAD.content);
  });

  it("is not warned of where neither is configured", async () => {
    const { prepare, log } = await makeSite("4.3");
    await prepare(PAYLOAD);

    expect(log.messages("warn")).toEqual([]);
  });
});

describe("a guest that is down in another cluster", () => {
  it("is moved to this host's cluster, gets its payload, and starts", async () => {
    const { engine, prepare, start, log } = await makeSite("4.3", "Remote");
    await prepare(PAYLOAD);
    await start();

    const { clusterId, hostId, insertedPayload } = engine.world.vm("web1");
    expect(clusterId).toBe(engine.world.cluster("Default").id);
    expect(hostId).toBe(engine.world.host("host1").id);
    expect(insertedPayload?.files[0]?.content).toBe(PAYLOAD.content);
    expect(log.entries).toContainEqual({
      level: "info",
      message: "guest moved to the cluster of this host",
      fields: { guest: "web1", from: "Remote", to: "Default" },
    });
  });

  it("is left where it is without DROpts, and both clusters are named", async () => {
    const { engine, prepare } = await makeSite("4.3", "Remote");

    expect(await errorOf(prepare(undefined))).toMatchObject({
      code: "REFUSED",
      message: containing("it belongs to cluster Remote and this host to cluster Default"),
    });
    expect(changesOf(engine)).toBe(0);
  });

  it("is left where it is when RHEVMInfo.Cluster is another than this host's", async () => {
    const { prepare } = await makeSite("4.3", "Remote");

    expect(await errorOf(prepare(PAYLOAD, "Elsewhere"))).toMatchObject({
      message: containing("but RHEVMInfo.Cluster is Elsewhere"),
    });
  });

  it("is left where it is when it is suspended and not down", async () => {
    const { engine, prepare } = await makeSite("4.3", "Remote");
    engine.world.vm("web1").status = "suspended";

    expect(await errorOf(prepare(PAYLOAD))).toMatchObject({
      code: "REFUSED",
      message: containing("to cluster Default, and it is suspended and not down"),
    });
    expect(changesOf(engine)).toBe(0);
  });

  it("is left where it is in another data centre", async () => {
    const { engine, prepare } = await makeSite("4.3", "Remote");
    engine.world.addDataCenter("Far");
    engine.world.addCluster("FarAway", "Far");
    engine.world.vm("web1").clusterId = engine.world.cluster("FarAway").id;

    expect(await errorOf(prepare(PAYLOAD))).toMatchObject({
      message: containing("cluster FarAway and this host to cluster Default, which is of another data"),
    });
  });

  it("counts each step as done that was done, though the engine's answer was lost", async () => {
    const { engine, prepare, start } = await makeSite("4.3", "Remote");
    engine.faults.next("lost-answer", { count: 2, matching: isChange });
    await prepare(PAYLOAD);
    await start();

    expect(engine.world.vm("web1").insertedPayload?.files[0]?.content).toBe(PAYLOAD.content);
    expect(changesOf(engine)).toBe(2);
  });

  it.each([
    ["moving it", "reset", "<cluster"],
    ["moving it", "internal-error", "<cluster"],
    ["giving it its payload", "reset", "<payloads"],
    ["giving it its payload", "internal-error", "<payloads"],
  ] as const)("gets both at the next attempt when %s fails (%s)", async (_, fault, part) => {
    const { engine, prepare } = await makeSite("4.3", "Remote");
    engine.faults.next(fault, { matching: (request) => isChange(request) && request.body.includes(part) });
    expect(await errorOf(prepare(PAYLOAD))).toMatchObject({ name: "AgentError" });
    await prepare(PAYLOAD);

    const { clusterId, payload } = engine.world.vm("web1");
    expect(clusterId).toBe(engine.world.cluster("Default").id);
    expect(payload?.files[0]?.content).toBe(PAYLOAD.content);
  });

  it("is moved once, also when what follows fails and is repeated", async () => {
    const { engine, prepare, start } = await makeSite("4.3", "Remote");
    const tooLarge = { ...PAYLOAD, content: "x".repeat(8193) };
    expect(await errorOf(prepare(tooLarge))).toMatchObject({ code: "REFUSED" });
    await prepare(PAYLOAD);
    await start();

    expect(engine.world.vm("web1").insertedPayload?.files[0]?.content).toBe(PAYLOAD.content);
    expect(changesOf(engine)).toBe(3);
  });
});
