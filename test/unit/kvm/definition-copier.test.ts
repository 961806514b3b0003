import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AgentError } from "../../../src/agent-error.ts";
import { orAbort, withDeadline } from "../../../src/deadline.ts";
import { errorOf } from "../../support/error-of.ts";
import { CODE } from "../../support/fakes/fake-domain.ts";
import { type KvmHost, makeKvmHost } from "../../support/fakes/kvm-host.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";

const never = new AbortController().signal;
let host: KvmHost;

beforeEach(async () => {
  host = await makeKvmHost();
});

afterEach(async () => {
  await host.stop();
});

function asked(guest: string, limitMs = 2000) {
  return withDeadline(limitMs, "taking", [never], (limit) => host.platform.takeDefinition(guest, limit));
}

function take(guest: string, limitMs?: number) {
  return host.clock.until(asked(guest, limitMs));
}

describe("takeDefinition", () => {
  it("takes the inactive definition, and says whether the guest is active", async () => {
    const { uuid } = host.libvirtd.define("web1");
    expect(await take("web1")).toMatchObject({ active: false });
    host.libvirtd.becomes("web1", CODE.booted);

    expect(await take("web1")).toEqual({
      text: `<domain><name>web1</name><uuid>${uuid}</uuid><os><type machine='pc-i440fx-7.2'>hvm</type></os><devices><graphics type='vnc'/></devices></domain>`,
      active: true,
    });
  });

  it("leaves out the CD-ROM with network settings, which are those of this site", async () => {
    const { disks } = host.libvirtd.define("web1");
    disks.push(
      "<disk device='cdrom'><target dev='hdc'/></disk>",
      "<disk device='cdrom'><target dev='hdd'/><serial>VCSNET</serial></disk>",
    );

    expect((await take("web1")).text).toContain(
      "<devices><disk device='cdrom'><target dev='hdc'/></disk><graphics type='vnc'/></devices>",
    );
  });

  it("leaves passwords out unless the configuration asks for them (scenario 87)", async () => {
    host.libvirtd.define("web1").password = "s3cret";
    expect((await take("web1")).text).not.toContain("s3cret");
    host.settings.sync = { secrets: true, versions: 3 };

    expect((await take("web1")).text).toContain("passwd='s3cret'");
  });

  it("fails for a guest that is not defined here, and without libvirt", async () => {
    expect(await errorOf(take("web1"))).toMatchObject({ code: "GUEST_NOT_FOUND" });
    host.libvirtd.stop();

    expect(await errorOf(take("web1", 30_000))).toMatchObject({ code: "PLATFORM_DOWN" });
  });

  it("gives up when libvirt hangs, and does not ask again for a minute", async () => {
    host.libvirtd.define("web1");
    host.libvirtd.hang();
    const since = host.clock.now;
    expect(await errorOf(take("web1"))).toMatchObject({ code: "TIMED_OUT" });
    expect(host.clock.now - since).toBe(2000);
    const calls = host.libvirtd.calls.length;
    expect(await errorOf(take("web1"))).toMatchObject({
      code: "TIMED_OUT",
      message: "taking the definition of guest web1: libvirt still owes the answer to the last question",
    });
    expect(host.libvirtd.calls.length).toBe(calls);
    host.libvirtd.goOn();
    await host.clock.advance(60_000);

    expect(await take("web1")).toMatchObject({ active: false });
  });

  it("asks on a connection of its own: while it hangs, a guest is destroyed", async () => {
    await host.stop();
    const hangs = { count: 0 };
    host = await makeKvmHost((session) => {
      session.getXml = async (_uuid, _flags, { signal = never } = {}) => {
        hangs.count += 1;
        return orAbort(new Promise<string>(() => undefined), signal);
      };
      return session;
    });
    const { uuid } = host.libvirtd.define("web1");
    await host.libvirtd.create(uuid);
    const taken = Promise.all(Array.from({ length: 8 }, () => errorOf(asked("web1"))));
    await host.clock.settle();
    expect(hangs.count).toBe(2);
    const budget = { patienceMs: 27_000, startMayBePending: false };

    await host.clock.until(host.platform.destroy("web1", budget, never));
    expect(host.libvirtd.named("web1").isActive).toBe(false);
    expect(host.clock.now).toBeLessThan(2000);
    expect(await host.clock.until(taken)).toHaveLength(8);
  });
});

describe("saveDefinition", () => {
  const definition = { text: "<domain/>", active: true };

  it("writes the copy into SyncDir, once", async () => {
    const syncDir = join(host.runDirectory, "sync");
    await mkdir(syncDir);
    const attributes = attributesOfGuest("web1", { syncDir });
    const save = () => host.clock.until(host.platform.saveDefinition(attributes, definition, never));

    expect([await save(), await save()]).toEqual(["written", "unchanged"]);
    expect(await readFile(join(syncDir, "web1.xml"), "utf8")).toBe("<domain/>");
  });

  it("has no place for a copy without SyncDir", async () => {
    const saved = host.platform.saveDefinition(attributesOfGuest("web1"), definition, never);

    expect(await errorOf(saved)).toBeInstanceOf(AgentError);
  });
});
