import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { Connection } from "../../src/libvirt/connection.ts";
import {
  CONTROL_STATE,
  DOMAIN_STATE,
  EVENT_ID,
  JOB_TYPE,
  METADATA_TYPE,
  PAUSED_REASON,
  RUNNING_REASON,
  SHUTOFF_REASON,
} from "../../src/libvirt/constants.ts";
import {
  hasErrorCode,
  isAgentUnresponsive,
  isNoDomain,
  isOperationInvalid,
  isTimedOut,
} from "../../src/libvirt/errors.ts";
import {
  AFFECT,
  CREATE,
  GET_ALL_STATS,
  LIST_DOMAINS,
  MONITOR_COMMAND,
  STATS,
  XML,
} from "../../src/libvirt/flags.ts";
import { openConnection } from "../../src/libvirt/open.ts";
import { errorOf } from "../support/error-of.ts";
import { freezeEmulator, killEmulator, thawEmulator } from "../support/lab/guest.ts";
import { type GuestFiles, guestFiles } from "../support/lab/guest-files.ts";
import { guestXml } from "../support/lab/guest-xml.ts";
import { type PrivateLibvirtd, startLibvirtd } from "../support/lab/libvirtd.ts";

const WAIT = { timeout: 60_000 };
let libvirtd: PrivateLibvirtd;
let files: GuestFiles;
let connection: Connection;
let uuid: string;
let name: string;
const events: string[] = [];

function open(): Promise<Connection> {
  const options = { uri: "qemu:///system", sockets: [libvirtd.socket], openTimeoutMs: 60_000 };
  return openConnection(options, new AbortController().signal);
}

function xml(ofName = name, ofUuid = uuid): string {
  return guestXml({ name: ofName, uuid: ofUuid, kind: "sector", files, title: "a title", agent: true });
}

/** Waits for a state: an event and the reply of the call that caused it come in any order. */
function isState(state: number, reason: number): Promise<void> {
  return vi.waitFor(async () => expect(await connection.getState(uuid)).toEqual({ state, reason }), WAIT);
}

beforeAll(async () => {
  files = await guestFiles();
  libvirtd = await startLibvirtd();
});

afterAll(async () => {
  await libvirtd.stop();
});

beforeEach(async () => {
  connection = await open();
  uuid = randomUUID();
  name = `guest-${uuid.slice(0, 8)}`;
  events.length = 0;
  connection.events.on("lifecycle", ({ domain, event, detail }) => {
    if (domain.uuid === uuid) events.push(`${event}/${detail}`);
  });
  await connection.registerEvent(EVENT_ID.LIFECYCLE);
});

afterEach(async () => {
  await connection.close();
});

describe("A connection to a real libvirtd with QEMU", () => {
  it("tells about the host", async () => {
    expect(await connection.getType()).toBe("QEMU");
    expect(await connection.getUri()).toBe("qemu:///system");
    expect(await connection.getHostname()).not.toBe("");
    expect(await connection.getVersion()).toBeGreaterThan(2_000_000);
    expect(await connection.getLibVersion()).toBeGreaterThan(4_000_000);
    expect(await connection.getCapabilities()).toContain("<capabilities>");
  });

  it("knows no guest that was not defined", async () => {
    expect(isNoDomain(await errorOf(connection.lookupByName("nobody")))).toBe(true);
    expect(isNoDomain(await errorOf(connection.lookupByUuid(uuid)))).toBe(true);
    expect(isNoDomain(await errorOf(connection.lookupById(99_999)))).toBe(true);
    expect(isNoDomain(await errorOf(connection.getState(uuid)))).toBe(true);
    expect(isNoDomain(await errorOf(connection.destroy(uuid, 0)))).toBe(true);
  });

  it("defines, changes and undefines a guest", async () => {
    expect(await connection.defineXml(xml(), 0)).toEqual({ name, uuid, id: -1 });
    expect(await connection.defineXmlWithoutFlags(xml())).toEqual({ name, uuid, id: -1 });
    expect(hasErrorCode(await errorOf(connection.defineXml(xml(name, randomUUID()), 0)), 9)).toBe(true);
    expect(await connection.isPersistent(uuid)).toBe(true);
    expect(await connection.isActive(uuid)).toBe(false);
    expect(await connection.getXml(uuid, XML.INACTIVE)).toContain(`<uuid>${uuid}</uuid>`);
    expect(await connection.getAutostart(uuid)).toBe(false);
    await connection.setAutostart(uuid, true);
    expect(await connection.getAutostart(uuid)).toBe(true);
    await connection.setAutostart(uuid, false);
    expect(await connection.hasManagedSave(uuid)).toBe(false);
    expect(hasErrorCode(await errorOf(connection.removeManagedSave(uuid)), 38)).toBe(true);
    const title = { type: METADATA_TYPE.TITLE, flags: AFFECT.CURRENT };
    expect(await connection.getMetadata(uuid, title)).toBe("a title");

    await connection.undefine(uuid, 0);

    await vi.waitFor(() => expect(events).toEqual(["0/0", "0/1", "1/0"]), WAIT);
  });

  it("starts, pauses, resumes, resets and destroys a guest", async () => {
    await connection.defineXml(xml(), 0);
    const started = await connection.create(uuid, 0);
    expect(started).toMatchObject({ name, uuid });
    expect(started.id).toBeGreaterThan(0);
    expect(await connection.lookupById(started.id)).toEqual(started);
    await isState(DOMAIN_STATE.RUNNING, RUNNING_REASON.BOOTED);
    expect(isOperationInvalid(await errorOf(connection.create(uuid, 0)))).toBe(true);

    await connection.suspend(uuid);
    await isState(DOMAIN_STATE.PAUSED, PAUSED_REASON.USER);
    await connection.resume(uuid);
    await isState(DOMAIN_STATE.RUNNING, RUNNING_REASON.UNPAUSED);
    await connection.reset(uuid);
    await connection.reboot(uuid, 0);
    await connection.shutdown(uuid, 0); // the boot sector hears nothing
    await connection.destroy(uuid, 0);

    await isState(DOMAIN_STATE.SHUTOFF, SHUTOFF_REASON.DESTROYED);
    await connection.undefine(uuid, 0);
    await vi.waitFor(
      () => expect(events).toEqual(["0/0", "4/0", "2/0", "3/0", "4/0", "6/2", "5/1", "1/0"]),
      WAIT,
    );
  });

  it("answers questions about a running guest", async () => {
    await connection.createXml(xml(), CREATE.PAUSED);
    expect(await connection.isPersistent(uuid)).toBe(false);
    expect(await connection.isUpdated(uuid)).toBe(false);
    expect(await connection.getInfo(uuid)).toMatchObject({
      state: DOMAIN_STATE.PAUSED,
      memoryKib: 16_384,
      vcpus: 1,
    });
    expect(await connection.getControlInfo(uuid)).toMatchObject({ state: CONTROL_STATE.OK, details: 0 });
    expect(await connection.getDiskErrors(uuid)).toEqual([]);
    expect(await connection.getJobInfo(uuid)).toMatchObject({ type: JOB_TYPE.NONE, dataTotal: 0 });
    expect(await connection.getJobStats(uuid, 0)).toEqual({ type: JOB_TYPE.NONE, params: new Map() });
    expect(await connection.monitorCommand(uuid, "info status", MONITOR_COMMAND.HMP)).toMatch(
      /VM status: paused/,
    );
    const active = await connection.listAllDomains(LIST_DOMAINS.ACTIVE);
    expect(active).toContainEqual(expect.objectContaining({ name, uuid }));
    const query = { stats: STATS.STATE, flags: GET_ALL_STATS.NOWAIT };
    const [stats] = await connection.getAllDomainStats({ ...query, uuids: [uuid] });
    expect(stats?.params).toEqual(
      new Map([
        ["state.state", DOMAIN_STATE.PAUSED],
        ["state.reason", PAUSED_REASON.USER],
      ]),
    );
    expect(await connection.getAllDomainStats(query)).toHaveLength(1);

    await connection.destroy(uuid, 0);
    expect(isNoDomain(await errorOf(connection.getState(uuid)))).toBe(true);
  });

  it("passes on every refusal with libvirt's code", async () => {
    await connection.createXml(xml(), 0);
    const iso =
      "<disk type='file' device='cdrom'><source file='/nowhere.iso'/><target dev='hdd' bus='ide'/></disk>";
    const agent = { command: '{"execute":"guest-ping"}', timeoutS: 1 };

    expect(isAgentUnresponsive(await errorOf(connection.agentCommand(uuid, agent)))).toBe(true);
    expect(isAgentUnresponsive(await errorOf(connection.getGuestInfo(uuid, 0)))).toBe(true);
    expect(isAgentUnresponsive(await errorOf(connection.interfaceAddresses(uuid, 1)))).toBe(true);
    expect(isAgentUnresponsive(await errorOf(connection.getDomainHostname(uuid, 2)))).toBe(true);
    expect(isOperationInvalid(await errorOf(connection.abortJob(uuid)))).toBe(true);
    expect(isOperationInvalid(await errorOf(connection.migrateStartPostCopy(uuid)))).toBe(true);
    await connection.migrateSetMaxDowntime(uuid, 300);
    await connection.migrateSetMaxSpeed(uuid, 100, 0);
    expect(await errorOf(connection.attachDevice(uuid, iso, AFFECT.LIVE))).toMatchObject({
      name: "LibvirtError",
    });
    expect(await errorOf(connection.detachDevice(uuid, iso, AFFECT.LIVE))).toMatchObject({
      name: "LibvirtError",
    });
    expect(await errorOf(connection.updateDevice(uuid, iso, AFFECT.LIVE))).toMatchObject({
      name: "LibvirtError",
    });
    expect(hasErrorCode(await errorOf(connection.pmWakeup(uuid)), 1)).toBe(true);
    expect(hasErrorCode(await errorOf(connection.defineXml("<domain>", 0)), 35)).toBe(true);

    await connection.destroy(uuid, 0);
  });

  it("sees an emulator that was killed as failed", async () => {
    await connection.defineXml(xml(), 0);
    await connection.create(uuid, 0);

    await killEmulator(libvirtd, name);

    await isState(DOMAIN_STATE.SHUTOFF, SHUTOFF_REASON.CRASHED);
    await connection.undefine(uuid, 0);
    await vi.waitFor(() => expect(events).toEqual(["0/0", "4/0", "2/0", "5/5", "1/0"]), WAIT);
  });

  it("gives up a call that a frozen emulator holds, and answers others meanwhile", async () => {
    await connection.createXml(xml(), 0);
    await freezeEmulator(libvirtd, name);

    const error = await errorOf(connection.suspend(uuid, { timeoutMs: 500 }));
    expect(isTimedOut(error)).toBe(true);
    expect(connection.inFlight).toBe(1);
    expect(await connection.getState(uuid)).toMatchObject({ state: DOMAIN_STATE.RUNNING });

    await thawEmulator(libvirtd, name);
    await vi.waitFor(() => expect(connection.inFlight).toBe(0), WAIT);
    await connection.destroy(uuid, 0);
  });

  it("delivers events of one guest only when asked so, and none once deregistered", async () => {
    const other = await open();
    const seen: string[] = [];
    other.events.on("lifecycle", ({ domain, event }) => seen.push(`${domain.name} ${event}`));
    await connection.defineXml(xml(), 0);
    const id = await other.registerEvent(EVENT_ID.LIFECYCLE, { uuid });
    const elsewhere = randomUUID();

    await connection.defineXml(xml(`${name}-other`, elsewhere), 0);
    await connection.create(uuid, 0);
    await vi.waitFor(() => expect(seen).toEqual([`${name} 4`, `${name} 2`]), WAIT);
    await other.deregisterEvent(id);
    await connection.destroy(uuid, 0);
    await vi.waitFor(() => expect(events).toEqual(["0/0", "4/0", "2/0", "6/2", "5/1"]), WAIT);
    await other.getHostname(); // whatever was under way has come

    expect(seen).toHaveLength(2);
    await connection.undefine(uuid, 0);
    await connection.undefine(elsewhere, 0);
    await other.close();
  });
});
