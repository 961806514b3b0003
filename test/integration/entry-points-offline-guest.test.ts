import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Host, makeHost } from "../support/host/host.ts";
import { knownGuest, openedResource } from "../support/host/known-guest.ts";
import { MONITOR, type Resource } from "../support/host/resource.ts";
import { attentiveFiles } from "../support/lab/boot-sector.ts";
import {
  defineGuest,
  domainState,
  guestPaths,
  startGuest,
  typeOnConsole,
  waitForMarker,
  waitForState,
} from "../support/lab/guest.ts";
import { type GuestFiles, guestFiles } from "../support/lab/guest-files.ts";
import type { GuestOptions } from "../support/lab/guest-xml.ts";
import { until } from "../support/lab/until.ts";

const PATIENT = { DelayAfterGuestOffline: "120" };

let host: Host;
let files: GuestFiles;

beforeAll(async () => {
  host = await makeHost();
  files = await guestFiles();
  await host.startDaemon();
});

afterAll(() => host.stop());

/** A guest with a real kernel that is up. */
async function booted(name: string, options: Partial<GuestOptions> = {}): Promise<Resource> {
  await startGuest(host.libvirtd, { name, files, ...guestPaths(host.libvirtd, name), ...options });
  const resource = await openedResource(host, name, PATIENT);
  expect(await resource.monitor()).toBe(MONITOR.online);
  await said(name, "READY");
  return resource;
}

function said(name: string, text: string): Promise<string> {
  return waitForMarker(guestPaths(host.libvirtd, name).serialLog, text);
}

async function reload(configuration: string): Promise<void> {
  const from = host.daemon.lines.length;
  await host.configure(configuration);
  host.daemon.signal("SIGHUP");
  await host.daemon.waitForLine("configuration reloaded", {}, { from });
}

describe.concurrent("offline of a booted guest", () => {
  it("is heard when it comes during the boot, because it is repeated (scenario 49)", async () => {
    const paths = guestPaths(host.libvirtd, "booting");
    await defineGuest(host.libvirtd, { name: "booting", files, ...paths });
    await host.libvirtd.virsh("start", "--paused", "booting");
    const resource = await openedResource(host, "booting", PATIENT);

    const called = await resource.offline();

    expect(called.exitCode).toBe(0);
    expect(await domainState(host.libvirtd, "booting")).toBe("shut off (shutdown)");
    expect(await said("booting", "POWEROFF button")).toContain("POWEROFF");
  });

  it("presses its power button and waits for a slow one", async () => {
    const resource = await booted("slow", { powerButton: { delayS: 3 } });

    const called = await resource.offline();

    expect(called.exitCode).toBe(0);
    expect(called.ms).toBeGreaterThanOrEqual(3000);
    expect(await said("slow", "BUTTON")).toContain("BUTTON");
    expect(await domainState(host.libvirtd, "slow")).toBe("shut off (shutdown)");
    expect(await resource.monitor()).toBe(MONITOR.offline);
  });

  it("wakes one that sleeps, which then hears the button", async () => {
    const resource = await booted("asleep", { pm: true });
    await typeOnConsole(guestPaths(host.libvirtd, "asleep").consolePath, "suspend");
    await waitForState(host.libvirtd, "asleep", "pmsuspended (unknown)");
    expect(await resource.monitor()).toBe(MONITOR.intentional);

    await resource.offline();

    expect(await said("asleep", "RESUMED")).toContain("RESUMED");
    expect(await domainState(host.libvirtd, "asleep")).toBe("shut off (shutdown)");
  });
});

describe("offline by the guest agent", () => {
  it("asks the real agent, and the button is not pressed", async () => {
    await reload("kvm: { shutdown: agent }");
    const resource = await booted("agent", { agent: true });
    const ping = ["qemu-agent-command", "agent", '{"execute":"guest-ping"}'];
    await until("the agent answers", () => host.libvirtd.virsh(...ping));

    await resource.offline();

    expect(await domainState(host.libvirtd, "agent")).toBe("shut off (shutdown)");
    const log = await readFile(guestPaths(host.libvirtd, "agent").serialLog, "latin1");
    expect(log).toContain("VKG agent shutdown");
    expect(log).not.toContain("BUTTON");
    expect(await resource.monitor()).toBe(MONITOR.offline);
    expect(resource.lastMonitor?.["reason"]).toContain("stopped by this agent");
  });

  it.each([
    ["has no channel for one", "channelless", ""],
    [
      "has a channel and nobody at its end",
      "agentless",
      "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>",
    ],
  ])("falls back to ACPI when the guest %s (scenario 50)", async (_what, name, devices) => {
    await reload("kvm: { shutdown: agent }");
    const attentive = await attentiveFiles(host.libvirtd, files);
    const resource = await knownGuest(host, attentive, name, { guest: { devices }, attributes: PATIENT });

    const called = await resource.offline();

    expect(called.ms).toBeLessThan(30_000);
    expect(await domainState(host.libvirtd, name)).toBe("shut off (shutdown)");
    expect(
      host.daemon.said("guest agent did not take the shutdown, trying ACPI", { guest: name }),
    ).not.toEqual([]);
  });
});
