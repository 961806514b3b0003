import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { type OwnIdentity, ownHostOf } from "../../../src/rhev/own-host.ts";
import { readOwnIdentity } from "../../../src/rhev/own-identity.ts";
import { hostFacts } from "../../support/rhev-facts.ts";

const NODE1: OwnIdentity = {
  names: ["node1.example.com", "node1"],
  addresses: ["192.0.2.1", "2001:db8::1"],
  hardwareUuids: ["4c4c4544-0044-5610-8047-b6c04f38354a"],
};

const plain = (name: string) => hostFacts(name, { address: `${name}.elsewhere.example` });

describe("this system among RHEV-M's hosts", () => {
  it.each([
    ["hardware UUID", { hardwareUuid: "4c4c4544-0044-5610-8047-b6c04f38354a" }],
    ["address", { address: "192.0.2.1" }],
    ["address", { address: "2001:DB8::1" }],
    ["address", { address: "NODE1.example.com" }],
    ["name", { name: "Node1" }],
    ["name", { name: "node1.example.com" }],
  ])("is found by its %s", (by, changes) => {
    const host = { ...plain("h2"), ...changes };

    expect(ownHostOf([plain("h1"), host], NODE1, undefined)).toEqual({ kind: "found", host, by });
  });

  it("is not guessed when two hosts match, by whatever", () => {
    const hosts = [hostFacts("h1", { address: "192.0.2.1" }), plain("node1")];

    expect(ownHostOf(hosts, NODE1, undefined)).toEqual({
      kind: "several",
      reason:
        "several hosts of RHEV-M may be this system: h1 (by address), node1 (by name); name the right one in rhev.host",
    });
  });

  it.each(["h1", "H1.example.com", "id-of-h1"])("is what the configuration says, alone: %s", (configured) => {
    const host = hostFacts("h1", { id: "id-of-h1" });

    expect(ownHostOf([host, plain("node1")], NODE1, configured)).toEqual({
      kind: "found",
      host,
      by: "rhev.host",
    });
  });

  it("is nobody where the configuration names a host that is not there, even if another matches", () => {
    expect(ownHostOf([plain("node1")], NODE1, "node9")).toMatchObject({ kind: "none" });
  });

  it("is nobody when nothing matches", () => {
    expect(ownHostOf([plain("h1"), plain("h2")], NODE1, undefined)).toEqual({
      kind: "none",
      reason:
        "none of the 2 hosts of RHEV-M has this system's hardware UUID, address or name: name it in rhev.host",
    });
  });

  it("is not matched by a hardware UUID that RHEV-M does not tell", () => {
    expect(ownHostOf([plain("h1")], { ...NODE1, hardwareUuids: [] }, undefined).kind).toBe("none");
  });
});

async function fileWith(text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "identity-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, "uuid"), text);
  return join(folder, "uuid");
}

describe("what this system knows of itself", () => {
  it("is its names and the UUIDs of its files, in lower case", async () => {
    const identity = await readOwnIdentity([
      await fileWith("4C4C4544-0044-5610-8047-B6C04F38354A\n"),
      "/nowhere",
    ]);

    expect(identity.hardwareUuids).toEqual(["4c4c4544-0044-5610-8047-b6c04f38354a"]);
    expect(identity.names).toContain(hostname().toLowerCase());
    expect(identity.addresses).not.toContain("127.0.0.1");
  });

  it.each([
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "03000200-0400-0500-0006-000700080009",
    "Not Settable",
  ])("leaves out what many machines share: %s", async (text) => {
    expect((await readOwnIdentity([await fileWith(text)])).hardwareUuids).toEqual([]);
  });
});
