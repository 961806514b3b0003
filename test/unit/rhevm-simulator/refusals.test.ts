import { describe, expect, it } from "vitest";
import type { HostStatus, Vm, VmStatus } from "../../support/rhevm-simulator/model.ts";
import type { ReleaseName } from "../../support/rhevm-simulator/release.ts";
import {
  type Answer,
  makeUnwiredEngine,
  type UnwiredEngine,
} from "../../support/rhevm-simulator/unwired-engine.ts";

const ROOTS: Partial<Record<ReleaseName, string>> = { "3.1": "/api", "3.3": "/api" };

function site(release: ReleaseName): UnwiredEngine {
  const engine = makeUnwiredEngine({ release });
  engine.world.addVm("vm1", { host: "host1" });
  return engine;
}

async function act(
  engine: UnwiredEngine,
  kind: "vms" | "hosts",
  verb: string,
  body?: string,
): Promise<Answer> {
  const { id } = kind === "vms" ? engine.world.vm("vm1") : engine.world.host("host1");
  const { major, minor } = engine.world.release;
  const root =
    Object.entries(ROOTS).find(([name]) => name === `${major}.${minor}`)?.[1] ?? "/ovirt-engine/api";
  return engine.act(`${root}/${kind}/${id}/${verb}`, body);
}

function detailOf({ document }: Answer): string | undefined {
  const fault =
    document?.name === "fault" ? document : document?.children.find(({ name }) => name === "fault");
  return fault?.children.find(({ name }) => name === "detail")?.text;
}

describe("an action of a VM that is refused", () => {
  it.each<[string, VmStatus, string]>([
    ["start", "up", "[Cannot run VM. VM is running.]"],
    ["start", "image_locked", "[Cannot run VM because the VM is in ImageLocked status.]"],
    ["start", "unknown", "[Cannot run VM because the VM is in Unknown status.]"],
    ["stop", "down", "[Cannot stop VM. VM is not running.]"],
    ["stop", "unknown", "[Cannot stop VM. VM is not running.]"],
    ["shutdown", "down", "[Cannot shutdown VM. VM is not running.]"],
    [
      "shutdown",
      "saving_state",
      "[Cannot shutdown VM. VM is in saving/restoring state.\n- Please try again when the VM is either up or down.]",
    ],
    ["migrate", "down", "[Cannot migrate VM. VM is not running.]"],
    ["migrate", "migrating", "[Cannot migrate VM. VM migration is in progress]"],
    ["cancelmigration", "up", "[Cannot cancel migration for non migrating VM.]"],
    ["suspend", "powering_up", "[Cannot hibernate VM. VM is not up.]"],
  ])("%s while %s gets 409 since 3.3, 400 before, and the same words", async (verb, status, words) => {
    for (const [release, code] of [
      ["3.1", 400],
      ["3.3", 409],
      ["4.3", 409],
    ] as const) {
      const engine = site(release);
      engine.world.setVmStatus("vm1", status);

      const answer = await act(engine, "vms", verb);

      expect([release, answer.status, detailOf(answer)]).toEqual([release, code, words]);
      expect(engine.world.vm("vm1").status).toBe(status);
    }
  });

  it.each<[string, Partial<Vm>, string | undefined, string]>([
    ["start", { hasBootableDisk: false }, undefined, "[Cannot run VM without at least one bootable disk.\n"],
    [
      "start",
      { isLocked: true },
      undefined,
      "[Cannot run VM. Related operation is currently in progress. Please try again later.]",
    ],
    [
      "migrate",
      { status: "up", affinity: "pinned" },
      undefined,
      "[Cannot migrate VM. VM is pinned to Host.]",
    ],
    [
      "migrate",
      { status: "up", affinity: "user_migratable" },
      undefined,
      "[Cannot migrate VM. VM is non migratable",
    ],
    [
      "migrate",
      { status: "up" },
      "<action><host><name>host1</name></host></action>",
      "[Cannot migrate VM. source and destination is the same.]",
    ],
  ])("%s of a VM with %j says why", async (verb, facts, body, words) => {
    const engine = site("4.3");
    if (verb === "start") engine.world.setVmStatus("vm1", "down");
    Object.assign(engine.world.vm("vm1"), facts);

    const answer = await act(engine, "vms", verb, body);

    expect(answer.status).toBe(409);
    expect(detailOf(answer)).toContain(words);
  });

  it("finds no host when none is up, and no target when there is no other", async () => {
    const engine = site("4.3");
    engine.world.setHostStatus("host2", "maintenance");
    expect(detailOf(await act(engine, "vms", "migrate"))).toContain("There is no host that satisfies");

    engine.world.setHostStatus("host1", "non_operational");
    engine.world.setVmStatus("vm1", "down");
    expect(detailOf(await act(engine, "vms", "start"))).toContain("There is no host that satisfies");
  });

  it("moves a paused VM since 3.6 only, and never one with an I/O error", async () => {
    const codes: number[] = [];
    for (const [release, detail] of [
      ["3.3", "none"],
      ["3.6", "none"],
      ["3.6", "eio"],
    ] as const) {
      const engine = site(release);
      engine.world.pauseVm("vm1", detail);
      codes.push((await act(engine, "vms", "migrate")).status);
    }

    expect(codes).toEqual([409, 200, 409]);
  });

  it("needs a document, of XML, and the user's permission", async () => {
    const engine = site("4.3");
    const path = `/ovirt-engine/api/vms/${engine.world.vm("vm1").id}/stop`;

    expect((await engine.act(path, "")).status).toBe(400);
    expect((await engine.act(path, "<action>")).status).toBe(400);
    expect((await engine.act(path, "<vm/>")).status).toBe(400);
    expect((await engine.ask(path, { method: "POST", body: "<action/>" })).status).toBe(415);
    const [user] = engine.users;
    if (user !== undefined) user.mayAct = false;
    expect((await engine.act(path)).status).toBe(403);
    expect(engine.world.vm("vm1").status).toBe("up");
  });

  it("answers a bare fault when cloud-init and sysprep are both asked for", async () => {
    const engine = site("4.3");
    const body = "<action><use_cloud_init>true</use_cloud_init><use_sysprep>true</use_sysprep></action>";

    const { status, document } = await act(engine, "vms", "start", body);

    expect([status, document?.name]).toEqual([409, "fault"]);
  });
});

describe("an action of a host that is refused", () => {
  it.each<[string, HostStatus, string, string]>([
    ["activate", "up", "<action/>", "[Cannot activate Host. Host in Up status.]"],
    ["activate", "non_responsive", "<action/>", "[Cannot activate Host. Host is non responsive.]"],
    [
      "deactivate",
      "maintenance",
      "<action/>",
      "[Cannot switch Host to Maintenance mode. Host is already in Maintenance mode.]",
    ],
    [
      "deactivate",
      "connecting",
      "<action/>",
      "[Cannot switch Host to Maintenance mode. Host is not operational.]",
    ],
    [
      "deactivate",
      "non_responsive",
      "<action/>",
      "Host is Storage Pool Manager and is in Non Responsive state.",
    ],
    ["fence", "up", "<action><fence_type>manual</fence_type></action>", "Valid Host statuses are"],
    [
      "fence",
      "connecting",
      "<action><fence_type>MANUAL</fence_type></action>",
      "Unknown Data Center status.",
    ],
    [
      "forceselectspm",
      "up",
      "<action/>",
      "[Cannot force select SPM. The Host host1 is already SPM or contending.]",
    ],
  ])("%s while %s says why", async (verb, status, body, words) => {
    const engine = site("4.3");
    engine.world.setHostStatus("host1", status);

    const answer = await act(engine, "hosts", verb, body);

    expect(answer.status).toBe(409);
    expect(detailOf(answer)).toContain(words);
    expect(engine.world.host("host1").status).toBe(status);
  });

  it("names a fence type that is missing or unknown", async () => {
    const engine = site("4.3");

    expect((await act(engine, "hosts", "fence")).status).toBe(400);
    expect(
      (await act(engine, "hosts", "fence", "<action><fence_type>nuke</fence_type></action>")).status,
    ).toBe(400);
  });

  it("tells with 200 that a fence agent failed", async () => {
    const engine = site("4.3");
    engine.world.host("host1").powerManagement = "fails";

    const { status, document } = await act(
      engine,
      "hosts",
      "fence",
      "<action><fence_type>status</fence_type></action>",
    );

    expect(status).toBe(200);
    expect(document?.children.find(({ name }) => name === "status")?.text).toBe("failed");
  });

  it("knows no forced SPM before 3.3", async () => {
    expect((await act(site("3.1"), "hosts", "forceselectspm")).status).toBe(404);
    expect((await act(site("3.3"), "hosts", "forceselectspm")).status).toBe(409);
  });
});

function put(engine: UnwiredEngine, type: string, content: string): Promise<Answer> {
  const file = `<files><file><name>a</name><content>${content}</content></file></files>`;
  const body = `<vm><payloads><payload><type>${type}</type>${file}</payload></payloads></vm>`;
  const headers = { "content-type": "application/xml" };
  return engine.ask(`/ovirt-engine/api/vms/${engine.world.vm("vm1").id}`, { method: "PUT", headers, body });
}

describe("a payload that is refused", () => {
  it.each([
    ["cdrom", 8192, 200],
    ["cdrom", 8193, 400],
    ["tape", 1, 409],
  ])("%s of %i characters gets %i", async (type, size, status) => {
    expect((await put(site("4.3"), type, "x".repeat(size))).status).toBe(status);
  });
});
