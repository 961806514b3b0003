import { readdirSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Connection } from "../../src/libvirt/connection.ts";
import { openConnection } from "../../src/libvirt/open.ts";
import { type PrivateLibvirtd, startLibvirtd } from "../support/lab/libvirtd.ts";

const LONG = process.env["VCSKVM_LONG"] === "1";
const CALLS = LONG ? 100_000 : 5000;
const CONNECTIONS = LONG ? 1000 : 50;
const MEBIBYTE = 1_048_576;
/** What a heap may grow by without holding on to calls or connections: 100,000 of either would be far more. */
const HEAP_GROWTH = 4 * MEBIBYTE;
const RSS_GROWTH = 48 * MEBIBYTE;
/** libvirtd takes 20 connections that are not authenticated yet. */
const AT_ONCE = 10;

let libvirtd: PrivateLibvirtd;
setFlagsFromString("--expose-gc");
const collect: unknown = runInNewContext("gc");

type Footprint = { heap: number; rss: number; descriptors: number };

function footprint(): Footprint {
  if (typeof collect === "function") Reflect.apply(collect, undefined, []);
  const { heapUsed, rss } = process.memoryUsage();
  return { heap: heapUsed, rss, descriptors: readdirSync("/proc/self/fd").length };
}

/** What was added since, once the garbage is gone. */
function growthSince(before: Footprint, what: string): Footprint {
  const after = footprint();
  console.log(`${what}: ${JSON.stringify(before)} before, ${JSON.stringify(after)} after`);
  return {
    heap: after.heap - before.heap,
    rss: after.rss - before.rss,
    descriptors: after.descriptors - before.descriptors,
  };
}

function open(): Promise<Connection> {
  const options = { uri: "test:///default", sockets: [libvirtd.socket], openTimeoutMs: 60_000 };
  return openConnection(options, new AbortController().signal);
}

async function callMany(connection: Connection, calls: number): Promise<void> {
  const { uuid } = await connection.lookupByName("test");
  const signal = new AbortController().signal;
  const caller = async (): Promise<void> => {
    for (let i = 0; i < calls / 4; i++) await connection.getState(uuid, { signal });
  };
  await Promise.all([caller(), caller(), caller(), caller()]);
}

async function openMany(connections: number): Promise<void> {
  for (let opened = 0; opened < connections; opened += AT_ONCE) {
    const batch = await Promise.all(Array.from({ length: AT_ONCE }, open));
    await Promise.all(batch.map((connection) => connection.registerEvent(0)));
    await Promise.all(batch.map((connection) => connection.close()));
  }
}

beforeAll(async () => {
  libvirtd = await startLibvirtd();
});

afterAll(async () => {
  await libvirtd.stop();
});

describe("The binding under load", () => {
  it(`leaves memory and descriptors flat over ${CALLS} calls`, { timeout: 600_000 }, async () => {
    const connection = await open();
    await callMany(connection, 2000);
    const before = footprint();

    await callMany(connection, CALLS);

    const growth = growthSince(before, `${CALLS} calls`);
    expect(growth.descriptors).toBeLessThanOrEqual(0);
    expect(growth.heap).toBeLessThan(HEAP_GROWTH);
    expect(growth.rss).toBeLessThan(RSS_GROWTH);
    expect(connection.inFlight).toBe(0);
    await connection.close();
  });

  it(`leaves memory and descriptors flat over ${CONNECTIONS} connections`, { timeout: 600_000 }, async () => {
    await openMany(AT_ONCE);
    const before = footprint();

    await openMany(CONNECTIONS);

    const growth = growthSince(before, `${CONNECTIONS} connections`);
    expect(growth.descriptors).toBeLessThanOrEqual(0);
    expect(growth.heap).toBeLessThan(HEAP_GROWTH);
    expect(growth.rss).toBeLessThan(RSS_GROWTH);
  });
});
