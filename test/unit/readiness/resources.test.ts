import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { knownResources, type ResourceSources } from "../../../daemon/readiness/resources.ts";
import { AgentError } from "../../../src/agent-error.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";

const never = new AbortController().signal;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "readiness-"));
  await mkdir(join(folder, "registrations"));
});

afterEach(() => rm(folder, { recursive: true }));

async function register(resource: string, guest: string): Promise<void> {
  const rest = { watched: true, stopping: false, starting: false, attributes: attributesOfGuest(guest) };
  await writeFile(
    join(folder, `registrations/${resource}.json`),
    JSON.stringify({ version: 1, resource, ...rest }),
  );
}

/** An engine with resources, by attribute; SystemList of each is node1 unless it says otherwise. */
function cluster(
  resources: Readonly<Record<string, Readonly<Record<string, string>>>>,
): ResourceSources["cluster"] {
  return {
    guests: async () => Object.keys(resources),
    systemsOf: async (resource) => (resources[resource]?.["SystemList"] ?? "node1").split(" "),
    value: async (resource, attribute) => resources[resource]?.[attribute] ?? "",
  };
}

const SILENT: ResourceSources["cluster"] = {
  guests: () => Promise.reject(new AgentError("PLATFORM_DOWN", "hares: the engine did not answer in time")),
  systemsOf: () => Promise.reject(new Error("not asked")),
  value: () => Promise.reject(new Error("not asked")),
};

async function known(engine: ResourceSources["cluster"], wanted: readonly string[] = []) {
  const sources = { stateDirectory: folder, cluster: engine, ownSystem: "node1" };
  const { resources, rows } = await knownResources(sources, wanted, never);
  return {
    guests: resources.map(({ resource, attributes }) => `${resource}: ${attributes.guestName}`),
    rows: rows.map(({ about, verdict, text }) => `${about}: ${verdict}: ${text}`),
    resources,
  };
}

it("takes what is registered, and from the engine what is not", async () => {
  await register("vm1", "web1");
  const engine = cluster({
    vm1: { GuestName: "changed" },
    vm2: {
      GuestName: "web2",
      DelayAfterGuestOffline: "90",
      RHEVMInfo: "Enabled 1 URL https://m User a@b Password X",
    },
  });

  const { guests, rows, resources } = await known(engine);

  expect(guests).toEqual(["vm1: web1", "vm2: web2"]);
  expect(resources[1]?.attributes).toMatchObject({
    delayAfterGuestOfflineS: 90,
    rhevmInfo: { enabled: true, url: "https://m", user: "a@b" },
  });
  expect(JSON.stringify(resources)).not.toContain('"X"');
  expect(rows).toEqual(["this host: ok: 1 registered with the daemon, 1 more of the engine"]);
});

it("leaves resources of other systems out, and says so", async () => {
  const { guests, rows } = await known(cluster({ vm1: { GuestName: "web1", SystemList: "node2 node3" } }));

  expect(guests).toEqual([]);
  expect(rows[0]).toBe("resource vm1: ok: not of this system, but of node2, node3");
});

it("has a problem with attributes that do not parse, and with names that nobody knows", async () => {
  const { rows } = await known(cluster({ vm1: { GuestName: "a/b" } }), ["vm1", "vm9"]);

  expect(rows.slice(0, 2)).toEqual([
    'resource vm1: problem: resource vm1: GuestName = "a/b": must not hold slashes or control characters',
    "resource vm9: problem: neither the daemon nor the engine knows a resource KVMGuest of this name",
  ]);
});

it("has a problem with DROpts that would keep the guest from starting", async () => {
  const { rows } = await known(
    cluster({ vm1: { GuestName: "web1", DROpts: "ConfigureNetwork 1 IPAddress 192.0.2.300 Netmask 24" } }),
  );

  expect(rows[0]).toMatch(/^resource vm1: problem: .*192\.0\.2\.300/);
});

it("does without the engine", async () => {
  await register("vm1", "web1");

  const { guests, rows } = await known(SILENT);

  expect(guests).toEqual(["vm1: web1"]);
  expect(rows[0]).toBe(
    "the engine: not checked: only what the daemon has registered is checked: hares: the engine did not answer in time",
  );
});

it("does not call a resource unknown that a silent engine may know", async () => {
  expect((await known(SILENT, ["vm9"])).rows[1]).toBe(
    "resource vm9: not checked: the daemon has not registered it, and hares: the engine did not answer in time",
  );
});

it("leaves a registration that it cannot read as it is", async () => {
  const file = join(folder, "registrations/vm1.json");
  await writeFile(file, "{broken");

  const { rows } = await known(cluster({}));

  expect(rows[0]).toBe(
    `${file}: warning: this registration cannot be read: it counts when the engine asks again`,
  );
  expect([await readdir(join(folder, "registrations")), await readFile(file, "utf8")]).toEqual([
    ["vm1.json"],
    "{broken",
  ]);
});

it("checks only what is wanted", async () => {
  await register("vm1", "web1");
  await register("vm2", "web2");

  expect((await known(cluster({ vm3: { GuestName: "web3" } }), ["vm2"])).guests).toEqual(["vm2: web2"]);
});
