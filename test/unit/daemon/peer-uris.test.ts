import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { configSchema } from "../../../daemon/config-schema.ts";
import { peerUris } from "../../../daemon/settings.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "peers-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** The systems that a host reads whose configuration names these. */
function systems(engine: object, ...names: string[]): string[] {
  const peers = Object.fromEntries(names.map((name) => [name, { uri: `qemu+tls://${name}/system` }]));
  return [...peerUris(configSchema.parse({ engine, peers })).keys()];
}

describe("peerUris", () => {
  it("gives the URI of each system", () => {
    const config = configSchema.parse({
      engine: { system: "node1" },
      peers: { node2: { uri: "qemu+tls://10.0.0.2/system" } },
    });

    expect([...peerUris(config)]).toEqual([["node2", "qemu+tls://10.0.0.2/system"]]);
  });

  it("leaves this system out, by the name that is configured", () => {
    expect(systems({ system: "node2" }, "node1", "node2", "node3")).toEqual(["node1", "node3"]);
  });

  it("leaves this system out, by the name that the engine's file has", async () => {
    const sysnameFile = join(folder, "sysname");
    await writeFile(sysnameFile, "node3\n");

    expect(systems({ sysnameFile }, "node1", "node2", "node3")).toEqual(["node1", "node2"]);
  });

  it("leaves this system out, by its short host name", () => {
    const own = hostname().split(".")[0] ?? "";

    expect(systems({ sysnameFile: join(folder, "none") }, own, `${own}2`)).toEqual([`${own}2`]);
  });
});
