import { describe, expect, it } from "vitest";
import { testClient, testEngine } from "../support/rhev-client.ts";
import { RELEASES, type ReleaseName } from "../support/rhevm-simulator/release.ts";

const signal = AbortSignal.timeout(170_000);

const RELEASE_NAMES: readonly ReleaseName[] = ["3.1", "3.3", "3.6", "4.0", "4.3", "4.5"];

describe("the RHEV client", () => {
  it.each(RELEASE_NAMES)("finds the API of %s and reads its guests and hosts", async (release) => {
    const engine = await testEngine({ release, vms: ["web1"] });
    engine.world.addVm("web2", { host: "host2" });
    const { session, reads } = await testClient(engine);

    const entry = await session.entry(signal);
    const vms = await reads.vmsNamed(["web1", "web2", "web3"], signal);
    const hosts = await reads.hosts(signal);

    expect(entry.version).toBe(RELEASES[release].apiVersions.length === 1 && release < "4" ? 3 : 4);
    const host2 = engine.world.host("host2").id;
    expect(vms.map(({ name, status, hostId }) => [name, status, hostId])).toEqual([
      ["web1", "down", undefined],
      ["web2", "up", host2],
    ]);
    expect(hosts.map(({ name, status, spm }) => [name, status, spm])).toEqual([
      ["host1", "up", "spm"],
      ["host2", "up", "none"],
    ]);
  });
});
