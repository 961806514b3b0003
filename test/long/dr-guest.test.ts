import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { drOptions, NORTH, type SiteNetwork, SOUTH } from "../support/dr-options.ts";
import { requestArguments } from "../support/fakes/resources.ts";
import { type Host, makeHost } from "../support/host/host.ts";
import { makeDebianGuest } from "../support/lab/debian-guest.ts";
import { guestFiles } from "../support/lab/guest-files.ts";
import { until } from "../support/lab/until.ts";

/** An emulated Debian takes a minute or more to boot. */
const BOOT_MS = 600_000;

let host: Host;

beforeAll(async () => {
  host = await makeHost();
  await host.daemon.start();
});

afterAll(() => host.stop());

/** Defines a guest and opens its resource. */
async function makeGuest(name: "ifupdown" | "networkd"): Promise<string> {
  const { accel } = await guestFiles();
  const { xml, log } = await makeDebianGuest({ name, manager: name, folder: host.folder, accel });
  await writeFile(join(host.folder, `${name}.xml`), xml);
  await host.libvirtd.virsh("define", join(host.folder, `${name}.xml`));
  await call("open", name, NORTH);
  return log;
}

async function call(entryPoint: "open" | "online" | "clean", name: string, site: SiteNetwork): Promise<void> {
  const attributes = { GuestName: name, DelayAfterGuestOnline: "0", DROpts: drOptions(site) };
  const reason = entryPoint === "clean" ? { reason: 1 } : {};
  await host.shim(entryPoint, ...requestArguments(name, attributes, { timeoutS: 120, ...reason }));
}

/** Boots the guest at a site, lets it tell what it has, and ends it. */
async function bootAt(name: string, site: SiteNetwork, log: string): Promise<string> {
  await writeFile(log, "");
  await call("online", name, site);
  const said = () => readFile(log, "utf8");
  await until("the guest has told its network", async () => (await said()).includes("VKG-END"), BOOT_MS);
  const text = (await said()).replaceAll("\r", "");
  await call("clean", name, site);
  return text;
}

function expectNetwork(said: string, { address, gateway, dns, search }: SiteNetwork): void {
  expect(said).toContain(`inet ${address}/24`);
  expect(said).toContain(`default via ${gateway} dev eth0`);
  expect(said).toContain(`nameserver ${dns}`);
  expect(said).toContain(`search ${search}`);
}

describe("a Debian guest with DROpts", () => {
  it.each(["ifupdown", "networkd"] as const)(
    "has the network of the site where it starts, and the other site's after a failover, by %s",
    { timeout: 2 * BOOT_MS },
    async (manager) => {
      const log = await makeGuest(manager);
      const north = await bootAt(manager, NORTH, log);
      expectNetwork(north, NORTH);
      expect(north).toContain(`eth0 gets 10.1.2.3/24 by ${manager}`);

      const south = await bootAt(manager, SOUTH, log);

      expectNetwork(south, SOUTH);
      expect(south).toContain(`eth0 gets 10.9.2.3/24 by ${manager}`);
      expect(south).not.toContain("10.1.2.");
    },
  );
});
