import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { drOptions, EAST, NORTH, type SiteNetwork, SOUTH } from "../support/dr-options.ts";
import { requestArguments } from "../support/fakes/resources.ts";
import { type Host, makeHost } from "../support/host/host.ts";
import { defineGuest, guestPaths, waitForMarker } from "../support/lab/guest.ts";
import { guestFiles } from "../support/lab/guest-files.ts";
import {
  askNetwork,
  makeNetworkDisk,
  makeNetworkGuest,
  networkGuestOptions,
  type ToldNetwork,
} from "../support/lab/network-guest.ts";
import { hostilePayload, writePayloadDisc } from "../support/payload-disc.ts";

let host: Host;
let serialLog: string;
let imageFile: string;

beforeAll(async () => {
  host = await makeHost();
  const paths = guestPaths(host.libvirtd, "web1");
  serialLog = paths.serialLog;
  const guest = networkGuestOptions(await makeNetworkGuest(host.folder, await guestFiles()));
  await defineGuest(host.libvirtd, { name: "web1", ...paths, ...guest });
  imageFile = join(host.stateDirectory, "payload/web1.iso");
  await host.daemon.start();
  await call("open", NORTH);
});

beforeEach(() => makeNetworkDisk(host.folder));

afterAll(() => host.stop());

async function call(entryPoint: "open" | "online" | "clean", site: SiteNetwork): Promise<void> {
  const attributes = { GuestName: "web1", DelayAfterGuestOnline: "0", DROpts: drOptions(site) };
  const reason = entryPoint === "clean" ? { reason: 1 } : {};
  await host.shim(entryPoint, ...requestArguments("web1", attributes, { timeoutS: 120, ...reason }));
}

const said = () => readFile(serialLog, "latin1");

/** Boots the guest, asks it, and ends it. */
async function networkAfter(start: () => Promise<unknown>): Promise<ToldNetwork> {
  await writeFile(serialLog, "");
  await start();
  await waitForMarker(serialLog, "READY");
  const told = await askNetwork(guestPaths(host.libvirtd, "web1"));
  await call("clean", NORTH);
  return told;
}

const networkAt = (site: SiteNetwork) => networkAfter(() => call("online", site));

describe("a real guest with DROpts", () => {
  it("has the network of the site where it starts, and keeps it when a payload is hostile", async () => {
    expect(await networkAt(NORTH)).toMatchObject({
      addresses: ["10.1.2.3/24"],
      routes: ["default via 10.1.2.1 dev eth0"],
      resolver: ["search north.example.com", "nameserver 10.1.2.53"],
    });
    expect(await said()).toContain("resource web1, guest web1: eth0 gets 10.1.2.3/24 by ifupdown");

    const atSouth = await networkAt(SOUTH);
    expect(atSouth).toMatchObject({
      addresses: ["10.9.2.3/24"],
      routes: ["default via 10.9.2.1 dev eth0"],
      resolver: ["search south.example.com", "nameserver 10.9.2.53"],
    });

    await writePayloadDisc(host.folder, imageFile, hostilePayload());
    expect(await networkAfter(() => host.libvirtd.virsh("start", "web1"))).toEqual(atSouth);
    expect(await said()).toContain(
      "error: the payload is refused, nothing is changed: it holds signs that no payload has",
    );
  });

  it("has an IPv6 address, with several servers and domains", async () => {
    const told = await networkAt(EAST);

    expect(told.addresses).toContain("2001:db8:1::3/64");
    expect(told.routes.join("\n")).toContain("default via fe80::1 dev eth0");
    expect(told.resolver).toEqual([
      "search east.example.com example.com",
      "nameserver 2001:db8:1::53",
      "nameserver 10.1.2.53",
    ]);
  });
});
