import { rm, symlink } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { PacketReader } from "../../src/libvirt/packet.ts";
import { type Host, makeHost } from "../support/host/host.ts";
import { until } from "../support/lab/until.ts";
import { configure } from "../support/trouble/configuration.ts";
import { monitorCode, runEntryPoint } from "../support/trouble/entry-point-run.ts";
import { Proxy } from "../support/trouble/proxy.ts";
import { runSectorGuests } from "../support/trouble/sector-guests.ts";

const ONLINE_100 = 110;
const UNKNOWN = 99;

/** Source: remote_protocol.x, REMOTE_PROC_DOMAIN_GET_STATE. */
const DOMAIN_GET_STATE = 212;

const web1 = { resource: "r1", guest: "web1", timeoutS: 20 };

/** Back-off begins at 100 ms and doubles: so many attempts of the seven connections fit into five seconds. */
const ATTEMPTS_AT_MOST = 7 * 8;

describe("libvirtd refuses", () => {
  const cleanUps: (() => Promise<unknown>)[] = [];

  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
  });

  async function hostWith(libvirtdConf: readonly string[]): Promise<Host> {
    const host = await makeHost("", undefined, { libvirtdConf });
    cleanUps.push(() => host.stop());
    return host;
  }

  async function proxyOf(host: Host): Promise<Proxy> {
    const proxy = new Proxy(join(host.folder, "proxy.sock"), host.libvirtd.socket);
    await proxy.start();
    cleanUps.push(() => proxy.stop());
    return proxy;
  }

  it("is UNKNOWN with one clear message where it asks for SASL, and not hammered (scenario 42)", async () => {
    const host = await hostWith(['auth_unix_rw = "sasl"']);
    const proxy = await proxyOf(host);
    await configure(host, { sockets: [proxy.path] });
    await host.daemon.start();
    const since = performance.now();

    const codes = await Promise.all([monitorCode(host, web1), monitorCode(host, web1)]);
    expect(codes).toEqual([UNKNOWN, UNKNOWN]);
    expect(await monitorCode(host, web1)).toBe(UNKNOWN);
    await until("five seconds of trying", () => performance.now() - since > 5000);

    expect(proxy.connections).toBeGreaterThan(6);
    expect(proxy.connections).toBeLessThanOrEqual(ATTEMPTS_AT_MOST);
    const complaints = host.daemon.said("libvirt cannot be reached", { level: "error" }); // not one for each connection
    expect(complaints).toHaveLength(1);
    expect(JSON.stringify(complaints)).toContain("asks for SASL");
    expect(JSON.stringify(complaints)).toContain("auth_unix_rw");
    const told = host.daemon.said("guest state cannot be determined");
    expect(told).toHaveLength(1);
    expect(told[0]?.["reason"]).toContain("SASL");
    expect((await runEntryPoint(host, "online", web1)).exitCode).toBe(0);
    expect(host.daemon.said("guest started")).toEqual([]);
  });

  it("is used where it asks for polkit, which lets root pass (scenario 42)", async () => {
    const host = await hostWith(['auth_unix_rw = "polkit"']);
    await runSectorGuests(host.libvirtd, ["web1"]);
    await host.startDaemon();

    expect(await monitorCode(host, web1)).toBe(ONLINE_100);
  });

  it("is UNKNOWN while all its places are taken, and used when there is room (scenario 45)", async () => {
    const host = await hostWith(["max_clients = 8", "max_anonymous_clients = 8"]);
    await configure(host, { libvirt: ["openTimeoutS: 1"] });
    await runSectorGuests(host.libvirtd, ["web1"]);
    const others = await takeAllPlaces(host.libvirtd.socket, 16);
    await host.daemon.start();

    expect(await monitorCode(host, web1)).toBe(UNKNOWN);
    expect(host.daemon.said("libvirt cannot be reached", { level: "error" })).toHaveLength(1);

    for (const other of others) other.destroy();
    await until("there is room", async () => (await monitorCode(host, web1)) === ONLINE_100);
  });

  it("is found at the second socket, at a link, and UNKNOWN where there is none (scenario 7, scenario 44)", async () => {
    const host = await hostWith([]);
    const modular = join(host.folder, "virtqemud-sock");
    await configure(host, { sockets: [modular, host.libvirtd.socket] });
    await runSectorGuests(host.libvirtd, ["web1"]);
    await host.startDaemon();
    expect(await monitorCode(host, web1)).toBe(ONLINE_100);

    await configure(host, { sockets: [modular] });
    await host.daemon.stop();
    await host.daemon.start();
    const { exitCode, ms } = await runEntryPoint(host, "monitor", web1);
    expect(exitCode).toBe(UNKNOWN);
    expect(ms).toBeLessThan(10_000);
    expect(JSON.stringify(host.daemon.said("libvirt cannot be reached"))).toContain(`${modular} (ENOENT)`);

    await symlink(host.libvirtd.socket, modular);
    cleanUps.push(() => rm(modular, { force: true }));
    await until("it is found", async () => (await monitorCode(host, web1)) === ONLINE_100);
  });

  it("is asked once more when it dies in the middle of a state call (scenario 40)", async () => {
    const host = await hostWith([]);
    const proxy = await proxyOf(host);
    await configure(host, { sockets: [proxy.path] });
    await runSectorGuests(host.libvirtd, ["web1"]);
    await host.startDaemon();
    expect(await monitorCode(host, web1)).toBe(ONLINE_100);
    const connections = proxy.connections;

    let cuts = 1;
    proxy.onData = (bytes) => !(asksState(bytes) && cuts-- > 0);
    expect(await monitorCode(host, web1)).toBe(ONLINE_100);
    expect(cuts).toBeLessThan(1);
    expect(proxy.connections).toBeGreaterThan(connections);

    cuts = Number.POSITIVE_INFINITY; // every time: then only the emulator proves it
    expect(await monitorCode(host, web1)).toBe(103);
    proxy.onData = undefined;
    await until("it is back", async () => (await monitorCode(host, web1)) === ONLINE_100);
  });
});

function asksState(bytes: Buffer): boolean {
  const reader = new PacketReader();
  return [...reader.push(bytes)].some(({ header }) => header.procedure === DOMAIN_GET_STATE);
}

/** Connections beyond the limit wait in the kernel's queue, before everybody else's. */
async function takeAllPlaces(path: string, count: number): Promise<readonly Socket[]> {
  const sockets = Array.from({ length: count }, () => connect(path));
  await Promise.all(
    sockets.map((socket) => new Promise<void>((resolve) => socket.once("connect", () => resolve()))),
  );
  for (const socket of sockets) socket.on("error", () => {});
  return sockets;
}
