import { chmod, mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { Connection } from "../../src/libvirt/connection.ts";
import { DISK_ERROR, DOMAIN_STATE, EVENT_ID, METADATA_TYPE } from "../../src/libvirt/constants.ts";
import { isAccessDenied, isNoDomain, isUnsupported } from "../../src/libvirt/errors.ts";
import { AFFECT, LIST_DOMAINS, STATS } from "../../src/libvirt/flags.ts";
import { openConnection } from "../../src/libvirt/open.ts";
import { errorOf } from "../support/error-of.ts";
import { type PrivateLibvirtd, startLibvirtd } from "../support/lab/libvirtd.ts";

const WAIT = { timeout: 60_000 };
const never = new AbortController().signal;
const XML = "<domain type='test'><name>second</name><memory>8192</memory><os><type>hvm</type></os></domain>";
let libvirtd: PrivateLibvirtd;
let connection: Connection;

function open(readOnly = false): Promise<Connection> {
  const socket = readOnly ? libvirtd.roSocket : libvirtd.socket;
  return openConnection(
    { uri: "test:///default", sockets: [socket], readOnly, openTimeoutMs: 60_000 },
    never,
  );
}

beforeAll(async () => {
  libvirtd = await startLibvirtd();
});

afterAll(async () => {
  await libvirtd.stop();
});

beforeEach(async () => {
  connection = await open();
});

afterEach(async () => {
  await connection.close();
});

describe("A connection to libvirt's test driver", () => {
  it("sees what another connection does", async () => {
    const other = await open();
    const seen: string[] = [];
    other.events.on("lifecycle", ({ domain, event, detail }) =>
      seen.push(`${domain.name} ${event}/${detail}`),
    );
    other.events.on("metadataChange", ({ type, namespace }) => seen.push(`metadata ${type} ${namespace}`));
    await other.registerEvent(EVENT_ID.LIFECYCLE);
    await other.registerEvent(EVENT_ID.METADATA_CHANGE);

    const { uuid } = await connection.defineXml(XML, 0);
    await connection.create(uuid, 0);
    await connection.suspend(uuid);
    await connection.resume(uuid);
    await connection.shutdown(uuid, 0);
    await libvirtd.virsh(
      "-c",
      `test+unix:///default?socket=${libvirtd.socket}`,
      "desc",
      "second",
      "--title",
      "x",
    );
    await connection.undefine(uuid, 0);

    const expected = ["0/0", "2/0", "3/0", "4/0", "5/0"].map((event) => `second ${event}`);
    await vi.waitFor(() => expect(seen).toEqual([...expected, "metadata 1 null", "second 1/0"]), WAIT);
    await other.close();
  });

  it("lists, finds and describes the one guest it has", async () => {
    const guest = await connection.lookupByName("test");

    expect(await connection.getType()).toBe("TEST");
    expect(await connection.listAllDomains(0)).toEqual([guest]);
    expect(await connection.listAllDomains(LIST_DOMAINS.INACTIVE)).toEqual([]);
    expect(await connection.lookupByUuid(guest.uuid)).toEqual(guest);
    expect(await connection.lookupById(guest.id)).toEqual(guest);
    expect(await connection.getState(guest.uuid)).toMatchObject({ state: DOMAIN_STATE.RUNNING });
    expect(await connection.getInfo(guest.uuid)).toMatchObject({ maxMemoryKib: 8_388_608, vcpus: 2 });
    const [stats] = await connection.getAllDomainStats({ stats: STATS.STATE, flags: 0, uuids: [guest.uuid] });
    expect(stats?.domain).toEqual(guest);
    expect(stats?.params.get("state.state")).toBe(DOMAIN_STATE.RUNNING);
    expect(await connection.getDiskErrors(guest.uuid)).toEqual([{ disk: "vda", error: DISK_ERROR.UNSPEC }]);
  });

  it("keeps the life of the daemon beyond what it cannot do", async () => {
    const { uuid } = await connection.lookupByName("test");

    expect(isUnsupported(await errorOf(connection.pmWakeup(uuid)))).toBe(true);
    expect(isUnsupported(await errorOf(connection.getJobStats(uuid, 0)))).toBe(true);
    const metadata = { type: METADATA_TYPE.ELEMENT, namespace: "http://nowhere", flags: AFFECT.CURRENT };
    expect(await errorOf(connection.getMetadata(uuid, metadata))).toMatchObject({ code: 80 });
    expect(connection.closed).toBe(false);
  });

  it("changes nothing over a read-only connection", async () => {
    const reader = await open(true);
    const { uuid } = await reader.lookupByName("test");

    expect(isAccessDenied(await errorOf(reader.destroy(uuid, 0)))).toBe(true);
    expect(await reader.isActive(uuid)).toBe(true);
    await reader.close();
  });

  it("reads names and titles in any script", async () => {
    const xml = XML.replace("second", "ゲスト-é").replace("<memory>", "<title>日本語</title><memory>");

    const { uuid, name } = await connection.defineXml(xml, 0);

    expect(name).toBe("ゲスト-é");
    expect(await connection.getMetadata(uuid, { type: METADATA_TYPE.TITLE, flags: 0 })).toBe("日本語");
    await connection.undefine(uuid, 0);
  });

  it("lists a thousand guests in one call", async () => {
    const names = Array.from({ length: 1000 }, (_, index) => `many-${String(index).padStart(4, "0")}`);
    for (const name of names) await connection.defineXml(XML.replace("second", name), 0);

    const listed = await connection.listAllDomains(LIST_DOMAINS.INACTIVE);
    const stats = await connection.getAllDomainStats({ stats: STATS.STATE, flags: 0 });

    expect(listed.map(({ name }) => name).toSorted()).toEqual(names);
    expect(stats).toHaveLength(1001);
    for (const { uuid } of listed) await connection.undefine(uuid, 0);
    expect(isNoDomain(await errorOf(connection.lookupByName("many-0000")))).toBe(true);
  });

  it("prefers the modular daemon's socket to libvirtd's, as libvirt does", async () => {
    const folder = join(libvirtd.folder, "user");
    await mkdir(join(folder, "libvirt"), { recursive: true });
    await symlink(libvirtd.socket, join(folder, "libvirt/virtqemud-sock"));
    vi.stubEnv("XDG_RUNTIME_DIR", folder);

    const modular = await openConnection({ uri: "qemu:///session", openTimeoutMs: 60_000 }, never);
    const missing = await errorOf(openConnection({ uri: "lxc:///session" }, never));

    vi.unstubAllEnvs();
    expect(await modular.getType()).toBe("QEMU");
    expect(missing).toMatchObject({ kind: "no socket" });
    await modular.close();
  });
});

describe("A libvirtd that asks who we are", () => {
  it("says what to do when it knows only SASL", async () => {
    const guarded = await startLibvirtd({ libvirtdConf: ['auth_unix_rw = "sasl"'] });

    const options = { uri: "test:///default", sockets: [guarded.socket] };
    const error = await errorOf(openConnection({ ...options, openTimeoutMs: 60_000 }, never));

    await guarded.stop();
    expect(error).toMatchObject({ kind: "auth" });
    expect(String(error)).toMatch(/SASL.*auth_unix_rw/);
  });

  it("says what to do when polkit refuses somebody who is not root", async () => {
    const guarded = await startLibvirtd({
      libvirtdConf: ['auth_unix_rw = "polkit"', 'unix_sock_rw_perms = "0777"'],
    });
    await chmod(guarded.folder, 0o755);

    const options = { uri: "test:///default", sockets: [guarded.socket], openTimeoutMs: 60_000 };
    process.seteuid?.(65_534);
    const refused = await errorOf(openConnection(options, never)).finally(() => process.seteuid?.(0));
    const root = await openConnection(options, never);

    await root.close();
    await guarded.stop();
    expect(refused).toMatchObject({ kind: "auth", cause: { name: "LibvirtError" } });
    expect(String(refused)).toMatch(/polkit.*org\.libvirt\.unix\.manage/);
  });

  it("says what to do when the socket may not be used", async () => {
    const options = { uri: "test:///default", sockets: [libvirtd.socket] };

    process.seteuid?.(65_534);
    const error = await errorOf(openConnection(options, never)).finally(() => process.seteuid?.(0));

    expect(error).toMatchObject({ kind: "auth" });
    expect(String(error)).toMatch(/EACCES.*group/);
  });
});
