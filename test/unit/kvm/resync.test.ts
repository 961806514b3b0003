import { rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { errorOf } from "../../support/error-of.ts";
import { type KvmHost, makeKvmHost } from "../../support/fakes/kvm-host.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";
import { matching } from "../../support/matching.ts";

const never = new AbortController().signal;
const NOT_USED = "guest configuration file is not used, the existing definition is";
let host: KvmHost;

beforeEach(async () => {
  host = await makeKvmHost();
});

afterEach(async () => {
  await host.stop();
});

async function file(name: string, text: string): Promise<string> {
  const path = join(host.runDirectory, name);
  await writeFile(path, text);
  return path;
}

/** Prepares web1, whose SyncDir is the host's folder, as ResyncVMCfg asks for it. */
function resync(guestConfigFilePath?: string) {
  const attributes = attributesOfGuest("web1", {
    syncDir: host.runDirectory,
    resyncVmCfg: true,
    guestConfigFilePath,
  });
  return host.clock.until(host.platform.prepare(attributes, never));
}

function defined(): number {
  return host.libvirtd.calls.filter((call) => call === "defineXml").length;
}

describe("prepare with ResyncVMCfg", () => {
  it("defines a guest from its copy in SyncDir though it is defined, and clears autostart", async () => {
    const { uuid } = host.libvirtd.define("web1");
    host.libvirtd.named("web1").autostart = true;
    await file("web1.xml", `<domain><name>web1</name><uuid>${uuid}</uuid></domain>`);

    expect(await resync()).toEqual({ resynced: true });
    expect(defined()).toBe(1);
    expect(host.libvirtd.named("web1")).toMatchObject({ uuid, autostart: false });
  });

  it("defines one that is not defined yet, from the copy and not from GuestConfigFilePath", async () => {
    const copy = await file("web1.xml", "<domain><name>web1</name></domain>");

    expect(await resync(await file("other.xml", "<domain><name>web1</name></domain>"))).toEqual({
      resynced: true,
    });
    expect(host.log.entries).toContainEqual(
      expect.objectContaining({ message: "guest defined", fields: { guest: "web1", path: copy } }),
    );
  });

  it.each([
    ["missing", undefined, /cannot be opened: ENOENT/],
    ["empty", "", /is empty$/],
    ["broken", "<domain>\n<name>web1</name>", /line 2: is no well-formed XML/],
    [
      "another guest's",
      "<domain>\n\n<name>web2</name></domain>",
      /line 3: defines guest "web2", not "web1"$/,
    ],
    [
      "that of a guest with another UUID",
      "<domain>\n<name>web1</name>\n<uuid>5c1b8d3c-0000-4000-8000-000000000009</uuid></domain>",
      /line 3: holds UUID 5c1b8d3c-0000-4000-8000-000000000009, but guest web1 is known here as /,
    ],
    [
      "malicious",
      '<?xml version="1.0"?>\n<!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/shadow">]>\n<domain><name>web1</name></domain>',
      /line 2: holds a document type or entity declaration/,
    ],
    ["nested without end", "<a>".repeat(14_000) + "</a>".repeat(14_000), /is nested deeper than 100 levels$/],
    ["huge", `<domain>${" ".repeat(1_048_576)}</domain>`, /is larger than 1048576 bytes$/],
  ])("keeps the definition there is when the copy is %s, and names the file", async (_what, text, words) => {
    host.libvirtd.define("web1");
    const path = join(host.runDirectory, "web1.xml");
    if (text !== undefined) await writeFile(path, text);

    expect(await resync()).toEqual({ resynced: false });
    expect(defined()).toBe(0);
    expect(host.log.messages("warn")).toEqual([NOT_USED]);
    expect(host.log.entries.at(-1)?.fields).toMatchObject({
      path,
      err: { code: "BAD_ATTRIBUTE", message: matching(words) },
    });
  });

  it("does not follow a link out of SyncDir", async () => {
    host.libvirtd.define("web1");
    const elsewhere = await file("elsewhere", "<domain><name>web1</name></domain>");
    await symlink(elsewhere, join(host.runDirectory, "web1.xml"));

    expect(await resync()).toEqual({ resynced: false });
    expect(host.log.entries.at(-1)?.fields).toMatchObject({ err: { message: matching(/ELOOP/) } });
  });

  it("fails where there is no definition at all, and names the copy", async () => {
    const path = join(host.runDirectory, "web1.xml");

    expect(await errorOf(resync())).toMatchObject({
      message: matching(/web1\.xml: cannot be opened: ENOENT/),
    });
    expect(String(await errorOf(resync("/nowhere/web1.xml")))).toContain(path);
    expect(host.libvirtd.all()).toEqual([]);
  });

  it("falls back on GuestConfigFilePath where nothing else could start the guest", async () => {
    const path = await file("other.xml", "<domain><name>web1</name></domain>");

    expect(await resync(path)).toEqual({ resynced: false });
    expect(host.libvirtd.named("web1").name).toBe("web1");
  });

  it("says that it means nothing without SyncDir", async () => {
    host.libvirtd.define("web1");
    const attributes = attributesOfGuest("web1", { resyncVmCfg: true });

    expect(await host.clock.until(host.platform.prepare(attributes, never))).toEqual({ resynced: false });
    expect(host.log.messages("warn")).toEqual([
      "ResyncVMCfg is set without SyncDir, there is nothing to take over",
    ]);
  });

  it("says when the guest's display loses its password by it, and only then", async () => {
    const domain = host.libvirtd.define("web1");
    const message = "display of the guest has no password any more, the file holds none";
    await file("web1.xml", `<domain><name>web1</name><uuid>${domain.uuid}</uuid></domain>`);
    await resync();
    expect(host.log.count(message)).toBe(0);
    domain.password = "s3cret";
    await resync();
    expect(host.log.count(message)).toBe(1);
    const graphics = "<devices><graphics type='vnc' passwd='other'/></devices>";
    await file("web1.xml", `<domain><name>web1</name><uuid>${domain.uuid}</uuid>${graphics}</domain>`);
    await resync();

    expect(host.log.count(message)).toBe(1);
    expect(JSON.stringify(host.log.entries)).not.toMatch(/s3cret|other/);
  });

  it("is left alone when it is not set, whatever lies in SyncDir", async () => {
    host.libvirtd.define("web1");
    await file("web1.xml", "<domain><name>web1</name></domain>");
    const attributes = attributesOfGuest("web1", { syncDir: host.runDirectory });

    expect(await host.clock.until(host.platform.prepare(attributes, never))).toEqual({ resynced: false });
    expect(defined()).toBe(0);
    await rm(join(host.runDirectory, "web1.xml"));
  });
});
