import { describe, expect, it } from "vitest";
import { systemOfHost } from "../../../src/rhev/system-of-host.ts";
import { rhevHost } from "../../support/fakes/rhev-documents.ts";

/** The systems of a cluster, with hosts that the configuration names. */
function naming(systems: readonly string[], hosts: Readonly<Record<string, string>> = {}) {
  const byConfiguration = new Map(Object.entries(hosts));
  return { systems, hostOf: (system: string) => byConfiguration.get(system) };
}

describe("systemOfHost", () => {
  const [one, two] = [rhevHost("hv1", { address: "10.0.0.1" }), rhevHost("hv2", { address: "10.0.0.2" })];

  it.each([
    ["its name", { systems: ["HV1", "node2"] }],
    ["its address", { systems: ["node2", "10.0.0.1"] }],
  ])("knows a host by %s", (_by, { systems }) => {
    const found = systemOfHost(one, [one, two], naming(systems));

    expect(found).toEqual({ kind: "found", system: systems.find((name) => name !== "node2") });
  });

  it.each(["hv1", "10.0.0.1", "id-hv1"])("knows a host as the configuration names it: %s", (word) => {
    expect(systemOfHost(one, [one, two], naming(["node1", "node2"], { node1: word }))).toEqual({
      kind: "found",
      system: "node1",
    });
  });

  it("does not guess at parts of names", () => {
    const full = rhevHost("node1.example.com", { address: "node1.mgmt" });

    expect(systemOfHost(full, [full], naming(["node1"]))).toEqual({
      kind: "none",
      reason: "no system of the cluster is known to be host node1.example.com: name it in rhev.hosts",
    });
  });

  it("does not guess when two systems match one host, or one system two hosts", () => {
    expect(systemOfHost(one, [one, two], naming(["hv1", "10.0.0.1"]))).toMatchObject({
      kind: "several",
      reason: "host hv1 may be system hv1 or 10.0.0.1: see rhev.hosts",
    });
    const twin = rhevHost("hv3", { address: "hv1" });
    expect(systemOfHost(one, [one, twin], naming(["hv1"]))).toMatchObject({
      kind: "several",
      reason: "system hv1 may be host hv1 or hv3: see rhev.hosts",
    });
  });

  it("takes a system for no other host than the configured one", () => {
    expect(systemOfHost(one, [one, two], naming(["hv1"], { hv1: "hv2" })).kind).toBe("none");
  });
});
