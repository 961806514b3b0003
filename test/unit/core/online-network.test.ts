import { describe, expect, it } from "vitest";
import type { Attributes } from "../../../src/attributes.ts";
import { online } from "../../../src/entry-points/online.ts";
import { errorOf } from "../../support/error-of.ts";
import { FakePlatform, RUNNING } from "../../support/fakes/fake-platform.ts";
import { RecordingLog } from "../../support/fakes/recording-log.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";
import { containing } from "../../support/matching.ts";

const SAVED = "11111111-1111-4111-8111-111111111111";

const DR: Attributes["drOpts"] = {
  configureNetwork: true,
  ipAddress: "10.1.2.3",
  netmask: "255.255.255.0",
  gateway: "10.1.2.1",
  dnsServers: ["10.1.2.53"],
  dnsSearchPath: ["example.com"],
  device: undefined,
};

function bringOnline(
  platform: FakePlatform,
  drOpts: Attributes["drOpts"],
  changes: Partial<Attributes> = {},
): Promise<number> {
  return online(
    {
      resource: "web1_res",
      attributes: attributesOfGuest("web1", { ...changes, drOpts }),
      platform,
      log: new RecordingLog(),
      site: "north",
      onStarting: async () => undefined,
      onResynced: () => undefined,
      savedRecord: { uuid: SAVED, at: "2026-01-01T00:00:00Z" },
      lastOnline: async () => ({ kind: "here" }),
    },
    new AbortController().signal,
  );
}

describe("online of a guest with DROpts", () => {
  it("gives the guest its network setting before it starts it", async () => {
    const platform = new FakePlatform();
    await bringOnline(platform, DR);

    expect(platform.calls.slice(-4)).toEqual([
      "refuseIfElsewhere web1",
      "setPayload web1 vcsnet.conf",
      "start web1",
      "claim web1",
    ]);
    expect(platform.payloads[0]?.content).toContain(
      "resource=web1_res\nguest=web1\nsite=north\naddress=10.1.2.3\nprefix=24\ngateway=10.1.2.1\n",
    );
  });

  it("tells a guest of RHEV-M its cluster as the site", async () => {
    const platform = new FakePlatform();
    const { rhevmInfo } = attributesOfGuest("web1");
    await bringOnline(platform, DR, { rhevmInfo: { ...rhevmInfo, enabled: true, cluster: "South" } });

    expect(platform.payloads[0]?.content).toContain("\nsite=South\n");
  });

  it("does not start a guest that would come up with another network", async () => {
    const platform = new FakePlatform();
    platform.deeds.setPayload = () => Promise.reject(new Error("told to fail"));

    expect(await errorOf(bringOnline(platform, DR))).toMatchObject({ message: "told to fail" });
    expect(platform.calls).not.toContain("start web1");
  });

  it("refuses before it changes anything when a key is wrong", async () => {
    const platform = new FakePlatform();

    expect(await errorOf(bringOnline(platform, { ...DR, gateway: "10.9.9.1" }))).toMatchObject({
      code: "BAD_ATTRIBUTE",
      message: containing('resource web1_res: DROpts.Gateway = "10.9.9.1"'),
    });
    expect(platform.calls).toEqual(["read web1"]);
  });

  it("leaves a guest alone that runs, whatever DROpts says", async () => {
    const platform = new FakePlatform();
    platform.readings.set("web1", RUNNING);

    expect(await bringOnline(platform, { ...DR, gateway: "10.9.9.1" })).toBe(0);
    expect(platform.calls).toEqual(["read web1"]);
  });

  it("gives nothing to a guest that goes on from its memory", async () => {
    const platform = new FakePlatform();
    platform.memory = { uuid: SAVED, policy: "restore" };
    await bringOnline(platform, DR);

    expect(platform.payloads).toEqual([]);
    expect(platform.calls).toContain("restore web1");
  });

  it("takes away what an earlier value left", async () => {
    const platform = new FakePlatform();
    await bringOnline(platform, { ...DR, configureNetwork: false });

    expect(platform.payloads).toEqual([undefined]);
  });
});
