import { readdir, readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Connection } from "../../src/libvirt/connection.ts";
import { type OpenOptions, openConnection } from "../../src/libvirt/open.ts";
import { errorOf } from "../support/error-of.ts";
import { freePort } from "../support/lab/free-port.ts";
import { type PrivateLibvirtd, startLibvirtd } from "../support/lab/libvirtd.ts";
import { type Relay, type Sshd, startSshd } from "../support/lab/sshd.ts";
import { until } from "../support/lab/until.ts";
import { matching } from "../support/matching.ts";

const NOBODY_NEEDS = new AbortController().signal;
const RELAYS = ["virt-ssh-helper", "nc", "socat"] as const satisfies readonly Relay[];

let libvirtd: PrivateLibvirtd;
let libvirtRun: string;
let sshd: Sshd;

beforeAll(async () => {
  libvirtd = await startLibvirtd();
  libvirtRun = join(libvirtd.folder, "run/libvirt");
  sshd = await startSshd({ relays: RELAYS, libvirtRun });
});

afterAll(async () => {
  await sshd.stop();
  await libvirtd.stop();
});

type Way = { to?: Sshd; port?: number; key?: string; hosts?: string; more?: string; user?: string };

function uriOf({
  to = sshd,
  port = to.port,
  key = to.key,
  hosts = to.knownHosts,
  more = "",
  user = "root",
}: Way): string {
  return `qemu+ssh://${user}@127.0.0.1:${port}/system?keyfile=${key}&known_hosts=${hosts}${more}`;
}

function open(way: Way = {}, options: Partial<OpenOptions> = {}, signal = NOBODY_NEEDS): Promise<Connection> {
  return openConnection({ uri: uriOf(way), openTimeoutMs: 60_000, ...options }, signal);
}

/** Pids of the ssh clients that this process has started and that are not gone. */
async function clients(): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const stats = await Promise.all(
    pids.map(async (pid) => [pid, await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "")] as const),
  );
  const parent = new RegExp(`^\\d+ \\(ssh\\) . ${process.pid} `);
  return stats.filter(([, stat]) => parent.test(stat)).map(([pid]) => pid);
}

describe("a connection over ssh", () => {
  it("serves calls like one over a Unix socket, by libvirt's own helper", async () => {
    const connection = await open();

    expect(await connection.getType()).toBe("QEMU");
    expect(await connection.getUri()).toBe("qemu:///system");
    expect(await clients()).toHaveLength(1);
    await connection.close();
  });

  it("has ended its ssh once it is closed", async () => {
    const connection = await open();
    await connection.close();

    expect(await clients()).toEqual([]);
    expect(connection.closeReason).toMatchObject({ kind: "closed by us" });
  });

  it("ends its ssh when it is dropped", async () => {
    const connection = await open();
    connection.abandon();

    await vi.waitFor(async () => expect(await clients()).toEqual([]), { timeout: 60_000 });
  });

  it("carries replies of any size", async () => {
    const connection = await open();
    const xml = await connection.getCapabilities();
    await connection.close();

    expect(xml.length).toBeGreaterThan(1000);
    expect(xml).toContain("</capabilities>");
  });

  it("obeys the daemon's read-only socket", async () => {
    const connection = await open({}, { readOnly: true });
    const error = await errorOf(connection.defineXml("<domain/>", 0));
    await connection.close();

    expect(error).toMatchObject({ code: 29 }); // libvirt: operation forbidden for read only access
  });

  it.each(RELAYS)("is joined by %s when nothing else is there", async (relay) => {
    const other = await startSshd({ relays: [relay], libvirtRun });
    const connection = await open({ to: other });
    expect(await connection.getType()).toBe("QEMU");
    await connection.close();
    await other.stop();
  });

  it("goes to the socket that the URI names", async () => {
    const other = await startSshd({ relays: RELAYS });
    const connection = await open({ to: other, more: `&socket=${libvirtd.socket}` });
    expect(await connection.getType()).toBe("QEMU");
    await connection.close();
    await other.stop();
  });

  it("tells when the daemon goes", async () => {
    const connection = await open();
    const closed = new Promise((resolve) => {
      connection.events.once("close", resolve);
    });
    await libvirtd.restart();

    expect(await closed).toMatchObject({ kind: matching(/end of file|socket error/) });
    await until("no ssh is left", async () => (await clients()).length === 0);
  });

  it("tells when ssh is cut", async () => {
    const other = await startSshd({ relays: RELAYS, libvirtRun });
    const connection = await open({ to: other });
    const closed = new Promise((resolve) => {
      connection.events.once("close", resolve);
    });
    await other.stop();

    expect(await closed).toMatchObject({ kind: "socket error" });
  });
});

describe("an ssh that does not get there", () => {
  it("says that the host's key is not known", async () => {
    const error = await errorOf(open({ hosts: "/dev/null" }));

    expect(error).toMatchObject({ kind: "auth" });
    expect(String(error)).toMatch(
      new RegExp(
        `the host of ssh root@127\\.0\\.0\\.1:${sshd.port} cannot be trusted: .*Host key verification failed`,
      ),
    );
    expect(String(error)).toContain("have it among the known hosts");
  });

  it("says that the host's key is another one", async () => {
    const error = await errorOf(open({ hosts: sshd.wrongHosts }));

    expect(error).toMatchObject({ kind: "auth" });
    expect(String(error)).toContain("cannot be trusted");
  });

  it("says that our key is refused, and asks for no password", async () => {
    const error = await errorOf(open({ key: sshd.strangeKey }));

    expect(error).toMatchObject({ kind: "auth" });
    expect(String(error)).toMatch(
      /refuses the key: .*Permission denied \(publickey\).*no password is ever asked/,
    );
  });

  it("says that our key is missing", async () => {
    const error = await errorOf(open({ key: "/nowhere/key" }));

    expect(error).toMatchObject({ kind: "auth" });
  });

  it("names host and port where nobody listens", async () => {
    const port = await freePort();
    const error = await errorOf(open({ port }));

    expect(error).toMatchObject({ kind: "no socket" });
    expect(String(error)).toContain(
      `no libvirt daemon is reached by ssh root@127.0.0.1:${port}: ssh: connect to host 127.0.0.1 port ${port}: Connection refused`,
    );
  });

  it.each([
    ["no libvirtd runs there", RELAYS, /behind ssh root@127\.0\.0\.1:\d+: its relay ended with 1: /],
    [
      "nothing joins it to the daemon",
      [],
      /its relay ended with 127: .*none of virt-ssh-helper, nc and socat/,
    ],
  ] as const)("says that %s", async (_what, relays, words) => {
    const other = await startSshd({ relays });
    const error = await errorOf(open({ to: other }));
    await other.stop();

    expect(error).toMatchObject({ kind: "no socket" });
    expect(String(error)).toMatch(words);
  });

  it("ends at its deadline where somebody listens and says nothing, and leaves no ssh", async () => {
    const silent = createServer();
    const port = await new Promise<number>((resolve, reject) => {
      silent.once("error", reject);
      silent.listen(0, "127.0.0.1", () => {
        const address = silent.address();
        if (address === null || typeof address === "string") reject(new Error("no port"));
        else resolve(address.port);
      });
    });
    const error = await errorOf(open({ port }, { openTimeoutMs: 300 }));

    expect(error).toMatchObject({
      kind: "timed out",
      message: `ssh root@127.0.0.1:${port} did not open the connection within 300 ms`,
    });
    await until("no ssh is left", async () => (await clients()).length === 0);
    silent.close();
  });

  it("ends with its caller, and leaves no ssh", async () => {
    const caller = new AbortController();
    await libvirtd.freeze();
    const opening = errorOf(open({}, {}, caller.signal));
    await until("ssh runs", async () => (await clients()).length === 1);
    caller.abort();

    expect(await opening).toMatchObject({ kind: "cancelled" });
    await until("no ssh is left", async () => (await clients()).length === 0);
    libvirtd.thaw();
  });
});
