import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LibvirtError } from "../../../src/libvirt/errors.ts";
import { type OpenOptions, openConnection } from "../../../src/libvirt/open.ts";
import { errorOf } from "../../support/error-of.ts";
import { type FakeLibvirtd, startFakeLibvirtd } from "../../support/fake-libvirtd.ts";

const never = new AbortController().signal;
let daemon: FakeLibvirtd;

function options(more: Partial<OpenOptions> = {}): OpenOptions {
  return { uri: "qemu:///system", sockets: [daemon.socketPath], ...more };
}

function refusal(opening: OpenOptions, signal = never): Promise<unknown> {
  return errorOf(openConnection(opening, signal));
}

function offerAuth(types: readonly number[]): void {
  daemon.on(66, (call) =>
    call.client.reply(call, (writer) => writer.array(types, 20, (to, type) => to.int(type))),
  );
}

function procedures(): number[] {
  return daemon.client.received.map(({ header }) => header.procedure);
}

beforeEach(async () => {
  daemon = await startFakeLibvirtd();
});

afterEach(async () => {
  await daemon.stop();
});

describe("openConnection", () => {
  it("asks for authentication and keepalive, opens the driver and registers for its end", async () => {
    const opened: unknown[] = [];
    const features: number[] = [];
    daemon.on(1, (call) => {
      opened.push(call.args.optionalString(), call.args.uint());
      call.client.reply(call);
    });
    daemon.on(60, (call) => {
      features.push(call.args.int());
      call.client.reply(call, (writer) => writer.int(1));
    });

    const connection = await openConnection(options(), never);

    expect(procedures()).toEqual([66, 60, 1, 360]);
    expect(opened).toEqual(["qemu:///system", 0]);
    expect(features).toEqual([10]);
    await connection.close();
  });

  it("opens for reading only when asked", async () => {
    let flags = -1;
    daemon.on(1, (call) => {
      call.args.optionalString();
      flags = call.args.uint();
      call.client.reply(call);
    });

    const connection = await openConnection(options({ readOnly: true }), never);

    expect(flags).toBe(1);
    await connection.close();
  });

  it("takes the first socket that somebody listens on", async () => {
    const stale = join(daemon.folder, "not-a-socket");
    await writeFile(stale, "");
    const sockets = [join(daemon.folder, "missing"), stale, daemon.socketPath];

    const connection = await openConnection(options({ sockets }), never);

    expect(daemon.clients).toHaveLength(1);
    await connection.close();
  });

  it("names every socket it tried when nobody listens", async () => {
    const sockets = [join(daemon.folder, "a"), join(daemon.folder, "b")];

    expect(await refusal(options({ sockets }))).toMatchObject({
      kind: "no socket",
      message: `no libvirt daemon listens on ${sockets[0]} (ENOENT), ${sockets[1]} (ENOENT)`,
    });
  });

  it("refuses a path that the kernel would cut", async () => {
    expect(await refusal(options({ sockets: [`/tmp/${"x".repeat(110)}`] }))).toMatchObject({
      kind: "argument",
    });
  });

  it("asks polkit when the daemon wants it", async () => {
    offerAuth([2]);
    daemon.on(70, (call) => call.client.reply(call, (writer) => writer.int(1)));

    const connection = await openConnection(options(), never);

    expect(procedures()).toEqual([66, 70, 60, 1, 360]);
    await connection.close();
  });

  it("says what to do when polkit refuses", async () => {
    offerAuth([2]);
    daemon.on(70, (call) =>
      call.client.refuse(call, 45, "authentication failed: access denied by policy", 7),
    );

    const error = await refusal(options());

    expect(error).toMatchObject({ kind: "auth", cause: { code: 45 } });
    expect(String(error)).toMatch(/access denied by policy.*polkit rule.*org\.libvirt\.unix\.manage/);
  });

  it("says what to do when the daemon knows only SASL", async () => {
    offerAuth([1]);

    const error = await refusal(options());

    expect(error).toMatchObject({ kind: "auth" });
    expect(String(error)).toMatch(/SASL.*auth_unix_rw/);
    expect(String(error)).toContain(daemon.socketPath);
    await vi.waitFor(() => expect(daemon.client.socket.destroyed).toBe(true));
  });

  it("passes on libvirt's refusal to open the driver", async () => {
    daemon.on(1, (call) => call.client.refuse(call, 5, "no connection driver available"));

    const error = await refusal(options());

    expect(error).toBeInstanceOf(LibvirtError);
    expect(error).toMatchObject({ code: 5, procedure: "connect_open" });
  });

  it("opens although the driver has no close callback", async () => {
    daemon.on(360, (call) => call.client.refuse(call, 3, "not supported"));

    const connection = await openConnection(options(), never);

    expect(connection.closed).toBe(false);
    await connection.close();
  });

  it.each([66, 60, 1, 360])("ends at its deadline when procedure %i is never answered", async (procedure) => {
    daemon.on(procedure, () => undefined);

    expect(await refusal(options({ openTimeoutMs: 20 }))).toMatchObject({ kind: "timed out" });
    await vi.waitFor(() => expect(daemon.clients.every(({ socket }) => socket.destroyed)).toBe(true));
  });

  it("ends when its signal is aborted, and drops the socket", async () => {
    const controller = new AbortController();
    daemon.on(1, () => controller.abort());

    expect(await refusal(options(), controller.signal)).toMatchObject({ kind: "cancelled" });
    await vi.waitFor(() => expect(daemon.client.socket.destroyed).toBe(true));
  });

  it("does not begin with an aborted signal", async () => {
    expect(await refusal(options(), AbortSignal.abort())).toMatchObject({ kind: "cancelled" });
    expect(daemon.clients).toHaveLength(0);
  });

  it("reports a daemon that hangs up during the opening", async () => {
    daemon.on(1, (call) => call.client.socket.end());

    expect(await refusal(options())).toMatchObject({ kind: "closed" });
  });
});
