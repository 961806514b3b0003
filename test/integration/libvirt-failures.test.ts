import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Connection } from "../../src/libvirt/connection.ts";
import { isConnectionLost, isTimedOut } from "../../src/libvirt/errors.ts";
import { type OpenOptions, openConnection } from "../../src/libvirt/open.ts";
import { errorOf } from "../support/error-of.ts";
import { createGuest, freezeEmulator, thawEmulator } from "../support/lab/guest.ts";
import { guestFiles } from "../support/lab/guest-files.ts";
import { type PrivateLibvirtd, startLibvirtd } from "../support/lab/libvirtd.ts";

const WAIT = { timeout: 60_000 };
const never = new AbortController().signal;
let libvirtd: PrivateLibvirtd;

function open(more: Partial<OpenOptions> = {}): Promise<Connection> {
  const where = { uri: "qemu:///system", sockets: [libvirtd.socket], openTimeoutMs: 60_000 };
  return openConnection({ ...where, ...more }, never);
}

beforeEach(async () => {
  libvirtd = await startLibvirtd();
});

afterEach(async () => {
  await libvirtd.stop();
});

describe("A libvirtd in trouble", () => {
  it("is reported once when it is killed, and can be opened again when it is back", async () => {
    const connection = await open();
    const reasons: string[] = [];
    connection.events.on("close", ({ kind }) => reasons.push(kind));

    await libvirtd.kill();
    await vi.waitFor(() => expect(reasons).toEqual(["end of file"]), WAIT);
    expect(isConnectionLost(await errorOf(connection.getHostname()))).toBe(true);
    expect(await errorOf(open())).toMatchObject({ kind: "no socket" });

    await libvirtd.restart();
    const again = await open();
    expect(await again.getUri()).toBe("qemu:///system");
    await again.close();
    expect(reasons).toHaveLength(1);
  });

  it("ends an opening at its own deadline when it hangs", async () => {
    await libvirtd.freeze();

    const error = await errorOf(open({ openTimeoutMs: 300 }));

    expect(isTimedOut(error)).toBe(true);
    libvirtd.thaw();
  });

  it("is given up by keepalive when it hangs, and every call with it", async () => {
    const connection = await open({ keepalive: { intervalMs: 200, count: 2 } });
    const reasons: string[] = [];
    connection.events.on("close", ({ kind }) => reasons.push(kind));
    await libvirtd.freeze();

    const errors = await Promise.all([connection.getHostname(), connection.getUri()].map(errorOf));

    expect(errors).toMatchObject([{ kind: "closed" }, { kind: "closed" }]);
    expect(reasons).toEqual(["keepalive timeout"]);
    libvirtd.thaw();
  });

  it("keeps a quiet connection by pings", async () => {
    const connection = await open({ keepalive: { intervalMs: 50, count: 1 } });
    const since = performance.now();

    await vi.waitFor(() => expect(performance.now() - since).toBeGreaterThan(600), WAIT);

    expect(connection.closed).toBe(false);
    await connection.close();
  });

  it("stops reading us at five blocked calls, and goes on when they end", async () => {
    const files = await guestFiles();
    const uuid = randomUUID();
    await createGuest(libvirtd, { name: "frozen", uuid, kind: "sector", files });
    await freezeEmulator(libvirtd, "frozen");
    const connection = await open();

    const blocked = Array.from({ length: 5 }, () => connection.monitorCommand(uuid, "info status", 1));
    const settled = Promise.allSettled(blocked);
    expect(isTimedOut(await errorOf(connection.getHostname({ timeoutMs: 500 })))).toBe(true);
    expect(connection.inFlight).toBe(6);

    await thawEmulator(libvirtd, "frozen");
    expect((await settled).map(({ status }) => status)).toEqual(Array.from({ length: 5 }, () => "fulfilled"));
    await vi.waitFor(() => expect(connection.inFlight).toBe(0), WAIT);
    await connection.close();
  });

  it("does not hold up the closing of a connection", async () => {
    const connection = await open();
    await libvirtd.freeze();

    const hostname = errorOf(connection.getHostname());
    await connection.close();

    expect(await hostname).toMatchObject({ kind: "closed" });
    libvirtd.thaw();
  });
});
