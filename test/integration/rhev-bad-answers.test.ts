import { appendFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openedResource } from "../support/host/known-guest.ts";
import { MONITOR, type Resource } from "../support/host/resource.ts";
import { makeRhevSite, type RhevSite } from "../support/host/rhev-site.ts";
import { until } from "../support/lab/until.ts";
import type { Fault } from "../support/rhevm-simulator/faults.ts";
import type { HttpRequest } from "../support/rhevm-simulator/http-message.ts";
import { type RhevmSimulator, startRhevmSimulator } from "../support/rhevm-simulator/simulator.ts";

const HERE = "node1";

type Wants = (request: HttpRequest) => boolean;

const isRead: Wants = ({ method }) => method === "GET";
const isVmList: Wants = ({ method, url }) => method === "GET" && /\/vms\b/.test(url);
const isHostList: Wants = ({ method, url }) => method === "GET" && /\/hosts\b/.test(url);

/** Answers to all reads, to the list of VMs and to the list of hosts that prove nothing of a guest. */
const BAD_ANSWERS: readonly (readonly [Fault, string, Wants])[] = [
  ["hang", "reads", isRead],
  ["hang-after", "reads", isRead],
  ["reset", "reads", isRead],
  ["lost-answer", "reads", isRead],
  ["cut", "reads", isRead],
  ["slow", "lists of VMs", isVmList],
  ["unavailable", "reads", isRead],
  ["internal-error", "reads", isRead],
  ["unauthorized", "reads", isRead],
  ["redirect", "reads", isRead],
  ["malformed-xml", "lists of VMs", isVmList],
  ["malformed-xml", "lists of hosts", isHostList],
  ["other-document", "lists of VMs", isVmList],
  ["other-document", "lists of hosts", isHostList],
  ["html", "lists of VMs", isVmList],
  ["html", "lists of hosts", isHostList],
  ["empty", "lists of VMs", isVmList],
  ["empty", "lists of hosts", isHostList],
  ["doctype", "lists of VMs", isVmList],
  ["huge", "lists of VMs", isVmList],
  ["broken-gzip", "lists of VMs", isVmList],
  ["huge-gzip", "lists of hosts", isHostList],
];

/** Answers to a start of which nobody can tell whether it was carried out, and whether it was. */
const BAD_STARTS: readonly (readonly [Fault, "started" | "not started"])[] = [
  ["lost-answer", "started"],
  ["hang-after", "started"],
  ["cut", "started"],
  ["malformed-xml", "started"],
  ["other-document", "started"],
  ["html", "started"],
  ["empty", "started"],
  ["huge", "started"],
  ["hang", "not started"],
  ["reset", "not started"],
  ["unavailable", "not started"],
  ["internal-error", "not started"],
];

const PATIENT = { DelayAfterGuestOnline: "0", DelayAfterGuestOffline: "60" };

let site: RhevSite;
const engines: RhevmSimulator[] = [];

beforeAll(async () => {
  site = await makeRhevSite({ systems: [HERE], others: ["node2"], rhev: "answerTimeoutS: 2" });
});

afterAll(async () => {
  await site.stop();
  await Promise.all(engines.map((engine) => engine.stop()));
});

/** The answers to one verb for one guest. */
function isAsked(verb: string, guest: string): Wants {
  const path = `/vms/${site.rhevm.world.vm(guest).id}/${verb}`;
  return ({ method, url }) => method === "POST" && url.endsWith(path);
}

/** An engine of its own that keeps one guest, which runs here and is ONLINE. */
async function engineWith(
  name: string,
): Promise<{ engine: RhevmSimulator; guest: Resource; info: readonly string[] }> {
  const engine = await startRhevmSimulator({ hosts: [HERE], speed: 10 });
  engines.push(engine);
  engine.world.addVm(name, { host: HERE });
  await appendFile(site.rhevm.caFile, engine.caPem);
  const info = site.info({ URL: engine.url });
  const guest = await openedResource(site.on(HERE), name, { ...PATIENT, RHEVMInfo: info });
  await guest.monitorUntil(MONITOR.online);
  return { engine, guest, info };
}

describe.concurrent("a guest of RHEV-M that runs here, while answers are bad", () => {
  it.each(BAD_ANSWERS)("is never OFFLINE and never started: %s to %s", async (fault, to, matching) => {
    const name = `${fault} to ${to}`;
    const { engine, guest, info } = await engineWith(name);
    const restore = engine.faults.always(fault, matching);

    const seen = await guest.monitorUntil(MONITOR.unknown);
    await guest.online({ timeoutS: 4 });
    restore();
    // a refused log-in is not tried again for a while, unless the attribute changes
    await site.on(HERE).shim("attr_changed", name, name, "RHEVMInfo", ...info);
    const after = await guest.monitorUntil(MONITOR.online);

    const told = new Set([...seen, ...after]);
    expect([...told].filter((code) => code !== MONITOR.online && code !== MONITOR.unknown)).toEqual([]);
    expect(engine.requests.filter(({ method }) => method === "POST")).toEqual([]);
    expect(engine.world.vm(name)).toMatchObject({ status: "up", starts: 0 });
  });
});

describe.concurrent("a bad answer to an action on a guest of RHEV-M", () => {
  it.each(BAD_STARTS)("starts no guest twice: %s, %s", async (fault, outcome) => {
    const guest = `start-${fault}`;
    const resource = await site.resource(HERE, guest, PATIENT);
    site.rhevm.faults.next(fault, { matching: isAsked("start", guest) });

    const called = await resource.online({ timeoutS: 9 });

    expect(called.exitCode).toBe(0);
    expect(site.asked("start", guest)).toBe(1);
    const isStarted = outcome === "started";
    expect(site.rhevm.world.vm(guest).starts).toBe(isStarted ? 1 : 0);
    await resource.monitorUntil(isStarted ? MONITOR.online : MONITOR.offline);
  });

  it("ends a guest although the answer to its stop is lost, and asks once", async () => {
    const resource = await site.known(HERE, "stopped");
    site.rhevm.faults.next("lost-answer", { matching: isAsked("stop", "stopped") });

    expect((await resource.clean(4)).exitCode).toBe(0);

    expect(site.asked("stop", "stopped")).toBe(1);
    expect(site.rhevm.world.vm("stopped").aliveOn.size).toBe(0);
  });

  it("asks again for a stop that never came to the engine, once the guest was read", async () => {
    const resource = await site.known(HERE, "unheard");
    site.rhevm.faults.next("reset", { matching: isAsked("stop", "unheard") });

    expect((await resource.clean(4)).exitCode).toBe(0);

    expect(site.asked("stop", "unheard")).toBe(2);
    expect(site.rhevm.world.vm("unheard").aliveOn.size).toBe(0);
  });

  it("shuts a guest down although the answer to it is lost", async () => {
    const resource = await site.known(HERE, "told", PATIENT);
    site.rhevm.faults.next("lost-answer", { matching: isAsked("shutdown", "told") });

    expect((await resource.offline()).exitCode).toBe(0);

    expect(site.asked("shutdown", "told")).toBe(1);
    expect(site.rhevm.world.vm("told").lastEnd).toBe("shutdown");
  });

  it("ends no guest that clean cannot be sure of: every answer is lost", async () => {
    const resource = await site.known(HERE, "doubtful");
    const restore = site.rhevm.faults.always("unavailable", isAsked("stop", "doubtful"));

    expect((await resource.clean(4, { timeoutS: 6 })).exitCode).toBe(1);
    restore();

    expect((await resource.clean(4)).exitCode).toBe(0);
    await until("it is gone", () => site.rhevm.world.vm("doubtful").aliveOn.size === 0);
  });
});
