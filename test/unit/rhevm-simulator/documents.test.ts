import { describe, expect, it } from "vitest";
import type { XmlElement } from "../../../src/xml.ts";
import { makeUnwiredEngine, type UnwiredEngine } from "../../support/rhevm-simulator/unwired-engine.ts";

function site(release: "3.1" | "3.3" | "3.6" | "4.3"): UnwiredEngine {
  const engine = makeUnwiredEngine({ release });
  const vm = engine.world.addVm("vm1", { host: "host1" });
  vm.payload = { type: "cdrom", volumeId: "VCSNET", files: [{ name: "net.conf", content: "a < b" }] };
  return engine;
}

/** The text at a path of elements; `@name` at its end is an attribute. */
function at(element: XmlElement | undefined, path: string): string | undefined {
  const [name = "", ...rest] = path.split("/");
  if (name.startsWith("@")) return element?.attributes[name.slice(1)];
  const child = element?.children.find((candidate) => candidate.name === name);
  return rest.length === 0 ? child?.text : at(child, rest.join("/"));
}

async function one(engine: UnwiredEngine, kind: "vms" | "hosts", headers: Record<string, string> = {}) {
  const { id } = kind === "vms" ? engine.world.vm("vm1") : engine.world.host("host1");
  const [root = ""] = Object.keys(engine.world.release.roots);
  return (await engine.ask(`${root}/${kind}/${id}`, { headers })).document;
}

describe("a document of version 3", () => {
  it("nests states, and of a paused VM why", async () => {
    const engine = site("3.6");
    engine.world.pauseVm("vm1", "eio");

    const vm = await one(engine, "vms");

    expect([at(vm, "status/state"), at(vm, "status/detail")]).toEqual(["paused", "eio"]);
  });

  it.each([
    ["3.1", "true", undefined],
    ["3.6", "true", "spm"],
  ] as const)("of a %s shows the SPM as storage_manager %s and spm %s", async (release, manager, spm) => {
    const host = await one(site(release), "hosts");

    expect([at(host, "storage_manager"), at(host, "storage_manager/@priority")]).toEqual([manager, "5"]);
    expect(at(host, "spm/status/state")).toBe(spm);
  });

  it("writes payloads with attributes before 3.3", async () => {
    const file = (await one(site("3.1"), "vms"))?.children.find(({ name }) => name === "payloads");

    expect(at(file, "payload/@type")).toBe("cdrom");
    expect(at(file, "payload/file/@name")).toBe("net.conf");
    expect(at(await one(site("3.3"), "vms"), "payloads/payload/files/file/name")).toBe("net.conf");
  });

  it("is written by 4.3 when the header or the path asks for it", async () => {
    const engine = site("4.3");

    expect(at(await one(engine, "vms", { version: "3" }), "status/state")).toBe("up");
    const { document } = await engine.ask(`/ovirt-engine/api/v3/vms/${engine.world.vm("vm1").id}`);
    expect(at(document, "status/state")).toBe("up");
    expect(at(document, "@href")).toBe(`/ovirt-engine/api/v3/vms/${engine.world.vm("vm1").id}`);
  });
});

describe("a document of version 4", () => {
  it("has plain states, and of a paused VM why", async () => {
    const engine = site("4.3");
    engine.world.pauseVm("vm1", "eio");

    const vm = await one(engine, "vms");

    expect([at(vm, "status"), at(vm, "status_detail")]).toEqual(["paused", "eio"]);
  });

  it("has other states before a host's own", async () => {
    const { text } = await site("4.3").ask("/ovirt-engine/api/hosts");

    expect(text.indexOf("<status>spm</status>")).toBeGreaterThan(0);
    expect(text.indexOf("<status>spm</status>")).toBeLessThan(text.indexOf("<status>up</status>"));
  });

  it("sorts an action's answer, and gives back what was asked", async () => {
    const engine = site("4.3");
    const path = `/ovirt-engine/api/vms/${engine.world.vm("vm1").id}/stop`;

    const { document } = await engine.act(
      path,
      "<action><reason>tests</reason><async>false</async></action>",
    );

    expect(document?.children.map(({ name }) => name)).toEqual(["async", "job", "reason", "status"]);
    expect(at(document, "status")).toBe("complete");
  });

  it("puts the detail of a fault first", async () => {
    const engine = site("4.3");
    const path = `/ovirt-engine/api/vms/${engine.world.vm("vm1").id}/start`;

    const { document } = await engine.act(path);

    expect(document?.children.map(({ name }) => name)).toEqual(["fault", "status"]);
    expect(document?.children[0]?.children.map(({ name }) => name)).toEqual(["detail", "reason"]);
  });

  it("answers 202 and pending when a stateless VM is started", async () => {
    const engine = site("4.3");
    engine.world.addVm("vm2", { isStateless: true });

    const { status, document } = await engine.act(`/ovirt-engine/api/vms/${engine.world.vm("vm2").id}/start`);

    expect([status, at(document, "status"), at(document, "async")]).toEqual([202, "pending", "true"]);
  });
});

describe("a VM's document", () => {
  it.each(["3.6", "4.3"] as const)("of %s has no state when there is none", async (release) => {
    const engine = site(release);
    engine.world.setVmStatus("vm1", undefined);

    expect((await one(engine, "vms"))?.children.some(({ name }) => name === "status")).toBe(false);
  });

  it("names the host only while there is one", async () => {
    const engine = site("4.3");
    expect(at(await one(engine, "vms"), "host/@id")).toBe(engine.world.host("host1").id);

    engine.world.setVmStatus("vm1", "suspended");
    expect(at(await one(engine, "vms"), "host/@id")).toBeUndefined();
  });

  it("shows payloads by itself, and in a list only with All-Content", async () => {
    const engine = site("4.3");
    const list = (headers: Record<string, string>) => engine.ask("/ovirt-engine/api/vms", { headers });

    expect(at(await one(engine, "vms"), "payloads/payload/files/file/content")).toBe("a < b");
    expect((await list({})).text).not.toContain("<payloads>");
    expect((await list({ "all-content": "true" })).text).toContain("<payloads>");
  });

  it("hides host and placement from a filtered view", async () => {
    const vm = await one(site("4.3"), "vms", { filter: "true" });

    expect(vm?.children.filter(({ name }) => name === "host" || name === "placement_policy")).toEqual([]);
  });
});

describe("what is not there", () => {
  const UNKNOWN = "0c5b1a0e-0000-4000-a000-000000000000";

  it.each([
    ["3.1", `/api/vms/${UNKNOWN}`, 404, "html"],
    ["3.6", `/ovirt-engine/api/vms/${UNKNOWN}`, 404, "empty"],
    ["4.3", `/ovirt-engine/api/vms/${UNKNOWN}`, 404, "empty"],
    ["3.1", "/api/vms/vm1", 404, "html"],
    ["3.6", "/ovirt-engine/api/vms/vm1", 400, "text"],
    ["4.3", "/ovirt-engine/api/vms/vm1", 400, "fault"],
    ["4.3", "/api", 404, "html"],
    ["3.1", "/ovirt-engine/api", 404, "html"],
    ["4.3", "/ovirt-engine/apis", 404, "html"],
    ["4.3", "/ovirt-engine/api/v5/vms", 400, "html"],
    ["4.5", "/ovirt-engine/api/v3/vms", 404, "html"],
  ] as const)("in %s at %s is told by %i and %s", async (release, path, status, kind) => {
    const answer = await makeUnwiredEngine({ release }).ask(path);

    const found =
      answer.document?.name ??
      (answer.text === "" ? "empty" : answer.text.startsWith("<html>") ? "html" : "text");
    expect([answer.status, found]).toEqual([status, kind]);
  });

  it.each([
    ["3.3", "/ovirt-engine/api/vms", "/api/vms/"],
    ["3.6", "/api/vms", "/api/vms/"],
    ["3.6", "/ovirt-engine/api/vms", "/ovirt-engine/api/vms/"],
  ] as const)("but in %s %s is, and hrefs begin with %s", async (release, path, beginning) => {
    const engine = makeUnwiredEngine({ release, vms: ["vm1"] });

    expect((await engine.ask(path)).text).toContain(`<vm href="${beginning}`);
  });
});
