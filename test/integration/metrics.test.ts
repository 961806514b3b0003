import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Host, makeHost } from "../support/host/host.ts";
import { ask } from "../support/ipc/http-client.ts";
import { defineGuest, guestPaths, killEmulator } from "../support/lab/guest.ts";
import { guestFiles } from "../support/lab/guest-files.ts";
import { until } from "../support/lab/until.ts";
import { freeLoopbackAddress } from "../support/metrics/free-address.ts";
import { samplesOf } from "../support/metrics/samples.ts";

const address = freeLoopbackAddress();
const url = `http://${address.host}:${address.port}`;

async function scrape(): Promise<ReadonlyMap<string, number>> {
  return samplesOf(await (await fetch(`${url}/metrics`)).text());
}

async function sample(name: string): Promise<number | undefined> {
  return (await scrape()).get(`vcskvmguestd_${name}`);
}

function namesIn(body: string): readonly (string | undefined)[] {
  return [...body.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
}

describe("the metrics of a host", () => {
  let host: Host;

  beforeAll(async () => {
    host = await makeHost(`metrics: { listen: "${address.host}:${address.port}" }\nmonitorIntervalS: 300`);
    const files = await guestFiles();
    await defineGuest(host.libvirtd, {
      name: "web1",
      kind: "sector",
      files,
      ...guestPaths(host.libvirtd, "web1"),
    });
    await host.startDaemon();
    await host.startEngine(`KVMGuest vm1 (
      GuestName = web1
      DelayAfterGuestOnline = 1
      MonitorInterval = 3600
      OfflineMonitorInterval = 2
      RestartLimit = 2
      )`);
    await until("first probe", () => host.engine.state("vm1") === "OFFLINE");
  });

  afterAll(() => host.stop());

  it("tell of a guest that is started, killed and started again", async () => {
    expect(await host.engine.online("vm1")).toBe("ONLINE");
    const web1 = 'resource="vm1",guest="web1"';
    await until("ONLINE is told", async () => (await sample(`resource_confidence_ratio{${web1}}`)) === 1);
    expect(await sample(`resource_state{${web1},state="online"}`)).toBe(1);
    expect(await sample('source_connected{source="libvirt"}')).toBe(1);
    const before = await scrape();
    await killEmulator(host.libvirtd, "web1");
    await until("the engine restarts the guest", async () => {
      return ((await sample('entry_points_total{entry_point="clean",outcome="done"}')) ?? 0) > 0;
    });
    await until(
      "ONLINE is told again",
      async () => (await sample(`resource_confidence_ratio{${web1}}`)) === 1,
    );

    const after = await scrape();
    const grown = (name: string) =>
      (after.get(`vcskvmguestd_${name}`) ?? 0) - (before.get(`vcskvmguestd_${name}`) ?? 0);
    expect(grown('probes_total{outcome="sent"}')).toBeGreaterThan(0);
    expect(grown('guest_changes_total{found_by="event"}')).toBeGreaterThan(0);
    expect(grown('guest_changes_total{found_by="reading"}')).toBe(0);
    expect(grown('entry_points_total{entry_point="online",outcome="done"}')).toBe(1);
    expect(grown('entry_point_duration_seconds_count{entry_point="clean"}')).toBe(1);
    expect(grown(`resource_unknown_seconds_total{${web1}}`)).toBe(0);
  });

  it("are what Prometheus expects, the same on socket and port", async () => {
    const [bySocket, byPort] = [await ask(host.socket, "GET", "/metrics"), await fetch(`${url}/metrics`)];
    const body = await byPort.text();

    expect(namesIn(bySocket.body)).toEqual(namesIn(body));
    expect(byPort.headers.get("content-type")).toBe(bySocket.headers["content-type"]);
    const promtool = spawn("promtool", ["check", "metrics"]);
    promtool.stdin.end(body);
    const [complaints] = await Promise.all([text(promtool.stderr), once(promtool, "exit")]);
    expect(complaints).toBe("");
    expect(promtool.exitCode).toBe(0);
  });

  it("are all that the port serves", async () => {
    expect((await fetch(`${url}/v1/guests`)).status).toBe(404);
    expect((await fetch(`${url}/v1/entry-points/clean`, { method: "POST" })).status).toBe(404);
  });

  it("cost the shims nothing when scrapers hang", async () => {
    const hung = Array.from({ length: 30 }, () => {
      const socket = connect(address.port, address.host);
      socket.on("error", () => undefined);
      socket.pause();
      socket.write("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\nGET /metrics");
      return socket;
    });
    for (let times = 0; times < 5; times += 1) {
      const { exitCode } = await host.shim("monitor", "vm1", "GuestName", "1", "web1");
      expect(exitCode).toBe(110);
    }
    for (const socket of hung) socket.destroy();

    await until("the port serves again", async () => (await sample("probes_open")) !== undefined);
  });

  it("tell that libvirt is away, and of the reconnect", async () => {
    const source = '{source="libvirt"}';
    const before = (await sample(`source_connections_total${source}`)) ?? 0;
    await host.libvirtd.kill();
    await until("the loss", async () => (await sample(`source_connected${source}`)) === 0);
    await host.libvirtd.restart();
    await until("the reconnect", async () => (await sample(`source_connected${source}`)) === 1);

    expect(await sample(`source_connections_total${source}`)).toBe(before + 1);
    expect(await sample(`source_losses_total${source}`)).toBe(1);
  });
});
