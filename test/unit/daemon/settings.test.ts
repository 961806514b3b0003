import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Config, configSchema } from "../../../daemon/config-schema.ts";
import {
  engineLogSettings,
  fencingSettings,
  fixedKeysChanged,
  haresOptions,
  heartbeatSettings,
  limitsOf,
  metricsAddress,
  scanSettings,
} from "../../../daemon/settings.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "settings-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

function configOf(keys: object = {}): Config {
  return configSchema.parse(keys);
}

describe("settings", () => {
  it("name this system as configured, else by the engine's file, else by the host", async () => {
    await writeFile(join(folder, "sysname"), " node7\n");
    const named = configOf({ engine: { system: "node1" } });
    const byFile = configOf({ engine: { sysnameFile: `${folder}/sysname` } });
    const byHost = configOf({ engine: { sysnameFile: `${folder}/none` } });

    expect(haresOptions(named)).toEqual({
      command: "/opt/VRTSvcs/bin/hares",
      timeoutMs: 10_000,
      system: "node1",
    });
    expect(haresOptions(byFile).system).toBe("node7");
    expect(haresOptions(byHost).system).toMatch(/^[^.\s]+$/);
  });

  it("find the engine's library beside its commands", () => {
    const engine = { hares: "/vcs/bin/hares", log: "warnings" };

    expect(engineLogSettings(configOf({ engine }))).toEqual({
      library: "/vcs/bin/ag_i18n_inc.sh",
      scope: "warnings",
    });
  });

  it.each([
    ["127.0.0.1:9868", { host: "127.0.0.1", port: 9868 }],
    ["127.1.2.3:80", { host: "127.1.2.3", port: 80 }],
    ["[::1]:9868", { host: "::1", port: 9868 }],
  ])("take %s apart", (listen, address) => {
    expect(metricsAddress(configOf({ metrics: { listen } }))).toEqual(address);
    expect(metricsAddress(configOf())).toBeUndefined();
  });

  it("turn limits into the server's units", () => {
    const limits = { bodyBytes: 4096, requestsAtOnce: 1, readRequestS: 1, connections: 2 };

    expect(limitsOf(configOf({ limits }))).toMatchObject({
      bodyBytes: 4096,
      requestsAtOnce: 1,
      readRequestMs: 1000,
      connections: 2,
    });
    expect(limitsOf(configOf()).bodyBytes).toBe(1_048_576);
  });

  it("turn the heartbeat's into the daemon's units", () => {
    const heartbeat = { intervalS: 2.5, timeoutS: 1, misses: 5, lossS: 90 };

    expect(heartbeatSettings(configOf({ heartbeat }))).toEqual({
      intervalMs: 2500,
      timeoutS: 1,
      misses: 5,
      lossMs: 90_000,
    });
  });

  it("tell fencing which host a system is and which remote cluster a cluster, and nothing of what is not configured", () => {
    const rhev = { hosts: { node2: "hypervisor2" }, clusters: { WEST: "vcs_west" } };
    const settings = fencingSettings(configOf({ engine: { system: "node1" }, rhev }));

    expect(settings.ownSystem).toBe("node1");
    expect([settings.hostOf("node2"), settings.hostOf("constructor")]).toEqual(["hypervisor2", undefined]);
    expect([settings.remoteClusterOf("WEST"), settings.remoteClusterOf("EAST")]).toEqual([
      "vcs_west",
      undefined,
    ]);
  });

  it("turn those of scans into milliseconds", () => {
    const devScan = {
      deviceCommand: ["/bin/true", "-x"],
      deviceCommandS: 5,
      spmWaitS: 60,
      movesGuests: true,
    };

    expect(scanSettings(configOf({ rhev: { devScan } }))).toEqual({
      deviceCommand: { command: ["/bin/true", "-x"], limitMs: 5000 },
      spmWaitMs: 60_000,
      movesGuests: true,
    });
    expect(scanSettings(configOf())).toEqual({
      deviceCommand: undefined,
      spmWaitMs: 180_000,
      movesGuests: false,
    });
  });

  it("know the keys that take effect at the next start only", () => {
    const before = configOf();
    const after = configOf({
      socket: "/s",
      readOnlySocket: { path: "/r", gid: 7 },
      stateDirectory: "/d",
      libvirt: { uri: "test:///default" },
      rhev: { devScan: { movesGuests: true } },
      limits: { connections: 2 },
    });

    expect(fixedKeysChanged(before, after)).toEqual([
      "socket",
      "readOnlySocket",
      "stateDirectory",
      "libvirt",
      "limits",
    ]);
    expect(fixedKeysChanged(before, configOf({ kvm: { shutdown: "agent" } }))).toEqual([]);
  });
});
