import { type RequestOptions, request } from "node:https";
import { connect } from "node:tls";
import { gunzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import type { Fault } from "../support/rhevm-simulator/faults.ts";
import {
  type RhevmSimulator,
  type SimulatorOptions,
  startRhevmSimulator,
} from "../support/rhevm-simulator/simulator.ts";
import { BASIC } from "../support/rhevm-simulator/unwired-engine.ts";

const VMS = "/ovirt-engine/api/vms";
const PATIENCE_MS = 500;

interface Asked extends RequestOptions {
  readonly headers?: Record<string, string>;
}

interface Got {
  readonly status: number;
  readonly body: Buffer;
}

let simulator: RhevmSimulator;

afterEach(() => simulator.stop());

async function start(options: SimulatorOptions = {}): Promise<RhevmSimulator> {
  simulator = await startRhevmSimulator({ vms: ["vm1"], ...options });
  return simulator;
}

/** One request on a connection of its own; rejects when the answer does not come whole, or in time. */
function get(path: string, options: Asked = {}, limitMs = 30_000): Promise<Got> {
  return new Promise((resolve, reject) => {
    const { port, caPem } = simulator;
    const to = { host: "localhost", port, path, ca: caPem, agent: false, ...options };
    const signal = AbortSignal.timeout(limitMs);
    const asked = request(
      { ...to, signal, headers: { authorization: BASIC, ...options.headers } },
      (response) => {
        const pieces: Buffer[] = [];
        response.on("data", (piece: Buffer) => pieces.push(piece));
        response.on("error", reject);
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(pieces) }));
      },
    );
    asked.on("error", reject);
    asked.end(options.method === "POST" ? "<action/>" : undefined);
  });
}

describe("the simulated engine's TLS", () => {
  it("is trusted through its authority, and by nobody else", async () => {
    await start();

    expect((await get(VMS)).status).toBe(200);
    await expect(get(VMS, { ca: [] })).rejects.toThrow("unable to verify");
  });

  it("tells the fingerprint of its certificate", async () => {
    const { port, caPem, fingerprint } = await start();

    const shown = await new Promise<string>((resolve, reject) => {
      const socket = connect({ host: "localhost", port, ca: caPem }, () => {
        resolve(socket.getPeerCertificate().fingerprint256);
        socket.destroy();
      });
      socket.on("error", reject);
    });

    expect(fingerprint).toBe(shown);
  });

  it.each([
    ["another name", { names: "DNS:elsewhere.example.com" }, "does not match"],
    ["yesterday's date", { days: -1 }, "certificate has expired"],
  ])("can have %s", async (_, certificate, words) => {
    await start({ certificate });

    await expect(get(VMS)).rejects.toThrow(words);
  });
});

describe("the simulated engine on the wire", () => {
  it("packs documents for who takes them so", async () => {
    await start();

    const { body } = await get(VMS, { headers: { "accept-encoding": "gzip" } });

    expect(gunzipSync(body).toString()).toContain("<name>vm1</name>");
  });

  it("answers a GET that announces a body and never sends it", async () => {
    await start();

    expect((await get(VMS, { headers: { "content-length": "17" } })).status).toBe(200);
  });

  it("keeps what it was asked, and what it said", async () => {
    await start();
    await get(`${VMS}?search=name%3Dvm1`, { headers: { filter: "false" } });

    expect(simulator.requests).toMatchObject([
      {
        method: "GET",
        url: `${VMS}?search=name%3Dvm1`,
        headers: { filter: "false" },
        status: 200,
        fault: undefined,
      },
    ]);
  });
});

describe("a fault that is asked for", () => {
  it.each<[Fault, number]>([
    ["unavailable", 503],
    ["internal-error", 500],
    ["unauthorized", 401],
    ["redirect", 302],
  ])("%s is answered with %i, once", async (fault, status) => {
    await start();
    simulator.faults.next(fault);

    expect((await get(VMS)).status).toBe(status);
    expect((await get(VMS)).status).toBe(200);
  });

  it.each<Fault>(["reset", "cut", "lost-answer"])("%s breaks the connection", async (fault) => {
    await start();
    simulator.faults.next(fault);

    await expect(get(VMS)).rejects.toThrow(/socket hang up|aborted|ECONNRESET/);
  });

  it.each<Fault>(["hang", "hang-after", "slow"])("%s outlasts a client's patience", async (fault) => {
    await start({ vms: Array.from({ length: 20 }, (_, index) => `vm${index}`) });
    simulator.faults.next(fault);

    await expect(get(VMS, {}, PATIENCE_MS)).rejects.toThrow("aborted");
  });

  it.each<[Fault, RegExp]>([
    ["malformed-xml", /^<\?xml(?!.*<\/vms>)/s],
    ["other-document", /<something>/],
    ["html", /^<html>/],
    ["empty", /^$/],
    ["doctype", /<!DOCTYPE x \[<!ENTITY/],
    ["broken-gzip", /^<\?xml/],
  ])("%s is what is read", async (fault, pattern) => {
    await start();
    simulator.faults.next(fault);

    const { status, body } = await get(VMS);

    expect(status).toBe(200);
    expect(body.toString()).toMatch(pattern);
  });

  it.each<Fault>(["huge", "huge-gzip"])("%s is more than anybody wants to read", async (fault) => {
    await start();
    simulator.faults.next(fault);

    const { body } = await get(VMS);

    const whole = fault === "huge-gzip" ? gunzipSync(body) : body;
    expect(whole.length).toBeGreaterThan(32_000_000);
  });

  it("can be for some requests only, and last", async () => {
    await start();
    const end = simulator.faults.always("unavailable", ({ url }) => url.startsWith(VMS));

    expect([(await get(VMS)).status, (await get(VMS)).status]).toEqual([503, 503]);
    expect((await get("/ovirt-engine/api/hosts")).status).toBe(200);
    end();
    expect((await get(VMS)).status).toBe(200);
  });

  it("loses the answer to an action that was done, or hangs before it was", async () => {
    await start();
    const { id } = simulator.world.vm("vm1");
    const headers = { "content-type": "application/xml" };
    const act = (limitMs?: number) => get(`${VMS}/${id}/start`, { method: "POST", headers }, limitMs);

    simulator.faults.next("hang");
    await expect(act(PATIENCE_MS)).rejects.toThrow("aborted");
    expect(simulator.world.vm("vm1").status).toBe("down");
    simulator.faults.next("lost-answer");
    await expect(act()).rejects.toThrow(/socket hang up|ECONNRESET/);

    expect(simulator.world.vm("vm1").status).toBe("wait_for_launch");
  });
});

describe("a simulated engine that goes away", () => {
  it("refuses connections until it is back, and knows its site still", async () => {
    await start();
    await simulator.close();
    await expect(get(VMS)).rejects.toThrow("ECONNREFUSED");

    await simulator.reopen();

    expect((await get(VMS)).body.toString()).toContain("<name>vm1</name>");
  });
});
