import { once } from "node:events";
import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Connection } from "../../src/libvirt/connection.ts";
import { type OpenOptions, openConnection } from "../../src/libvirt/open.ts";
import { errorOf } from "../support/error-of.ts";
import { freePort } from "../support/lab/free-port.ts";
import { type PrivateLibvirtd, startLibvirtd } from "../support/lab/libvirtd.ts";
import { matching } from "../support/matching.ts";

let libvirtd: PrivateLibvirtd;
let port: number;

beforeAll(async () => {
  port = await freePort();
  libvirtd = await startLibvirtd({
    listens: true,
    libvirtdConf: [
      "listen_tls = 0",
      "listen_tcp = 1",
      'listen_addr = "127.0.0.1"',
      `tcp_port = "${port}"`,
      'auth_tcp = "none"',
    ],
  });
});

afterAll(async () => {
  await libvirtd.stop();
});

function open(options: Partial<OpenOptions> = {}): Promise<Connection> {
  return openConnection(
    { uri: `qemu+tcp://127.0.0.1:${port}/system`, openTimeoutMs: 60_000, ...options },
    new AbortController().signal,
  );
}

describe("a connection over TCP", () => {
  it("serves calls like one over a Unix socket", async () => {
    const connection = await open();

    expect(await connection.getType()).toBe("QEMU");
    expect(await connection.getUri()).toBe("qemu:///system");
    await connection.close();
    expect(connection.closeReason).toMatchObject({ kind: "closed by us" });
  });

  it("names host and port where nobody listens", async () => {
    const nobody = await freePort();

    expect(await errorOf(open({ uri: `qemu+tcp://127.0.0.1:${nobody}/system` }))).toMatchObject({
      kind: "no socket",
      message: `no libvirt daemon is reached at tcp 127.0.0.1:${nobody} (ECONNREFUSED)`,
    });
  });

  it("ends at its deadline where somebody listens and says nothing", async () => {
    const silent = createServer();
    const address = await once(silent.listen(0, "127.0.0.1"), "listening").then(() => silent.address());
    if (address === null || typeof address === "string") throw new Error("no port");
    const uri = `qemu+tcp://127.0.0.1:${address.port}/system`;

    expect(await errorOf(open({ uri, openTimeoutMs: 100 }))).toMatchObject({
      kind: "timed out",
      message: `tcp 127.0.0.1:${address.port} did not open the connection within 100 ms`,
    });
    silent.close();
  });

  it("tells when the daemon goes", async () => {
    const connection = await open();
    const closed = new Promise((resolve) => {
      connection.events.once("close", resolve);
    });
    await libvirtd.restart();

    expect(await closed).toMatchObject({ kind: matching(/end of file|socket error/) });
  });
});
