import { execFileSync } from "node:child_process";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readDefinition, withUuid } from "../../../src/kvm/definition.ts";
import { XML_LIMIT_BYTES } from "../../../src/xml.ts";
import { errorOf } from "../../support/error-of.ts";
import { type KvmHost, makeKvmHost } from "../../support/fakes/kvm-host.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";
import { matching } from "../../support/matching.ts";

const never = new AbortController().signal;
const UUID = "5c1b8d3c-0000-4000-8000-000000000001";
const CANNOT = "autostart cannot be cleared, after a power cut both hosts may boot the guest";
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

function prepare(path?: string) {
  const attributes = attributesOfGuest("web1", { guestConfigFilePath: path });
  return host.clock.until(host.platform.prepare(attributes, never));
}

describe("readDefinition", () => {
  it("reads the guest's own definition and its UUID", async () => {
    const xml = `<domain type="kvm"><name>web1</name><uuid>${UUID.toUpperCase()}</uuid></domain>`;

    expect(await readDefinition(await file("web1.xml", xml), "web1")).toEqual({ xml, uuid: UUID });
  });

  it.each([
    ["another guest's", "<domain><name>web2</name></domain>", /defines guest "web2", not "web1"$/],
    ["one without a name", "<domain/>", /defines guest "", not "web1"$/],
    ["no domain", "<network><name>web1</name></network>", /is a <network>, not a <domain>$/],
    ["broken", "<domain><name>web1</name>", /is no well-formed XML/],
    ["empty", "", /is empty$/],
    ["too large", `<domain>${"x".repeat(XML_LIMIT_BYTES)}</domain>`, /is larger than 1048576 bytes$/],
  ])("refuses a file that is %s, and names it", async (_what, xml, message) => {
    const path = await file("web1.xml", xml);
    const error = await errorOf(readDefinition(path, "web1"));

    expect(error).toMatchObject({ code: "BAD_ATTRIBUTE", message: matching(message) });
    expect(String(error)).toContain(`guest configuration: ${path}: `);
  });

  it("refuses a missing file, a folder, and a pipe without waiting for its writer", async () => {
    const pipe = join(host.runDirectory, "pipe");
    execFileSync("mkfifo", [pipe]);

    expect(await errorOf(readDefinition("/nowhere/web1.xml", "web1"))).toMatchObject({
      message: matching(/^guest configuration: \/nowhere\/web1\.xml: cannot be opened: ENOENT/),
    });
    expect(await errorOf(readDefinition(pipe, "web1"))).toMatchObject({
      message: `guest configuration: ${pipe}: is no regular file`,
    });
    expect(await errorOf(readDefinition(host.runDirectory, "web1"))).toMatchObject({
      message: matching(/is no regular file$/),
    });
  });
});

describe("withUuid", () => {
  it("gives a definition the UUID that libvirt knows the guest by", async () => {
    const xml = "<?xml version='1.0'?>\n<domain type='kvm'>\n<name>web1</name></domain>";

    expect(await withUuid({ xml, uuid: undefined }, UUID, "f", "web1")).toBe(
      `<?xml version='1.0'?>\n<domain type='kvm'><uuid>${UUID}</uuid>\n<name>web1</name></domain>`,
    );
  });

  it("keeps a definition with the same UUID and refuses another", async () => {
    const other = "5c1b8d3c-0000-4000-8000-000000000002";

    expect(await withUuid({ xml: "x", uuid: UUID }, UUID, "f", "web1")).toBe("x");
    expect(await errorOf(withUuid({ xml: "x", uuid: other }, UUID, "f", "web1"))).toMatchObject({
      code: "BAD_ATTRIBUTE",
      message: `guest configuration: f: holds UUID ${other}, but guest web1 is known here as ${UUID}`,
    });
  });

  it("is not led astray by a tag in a comment", async () => {
    const xml = "<!-- <domain type='x'> --><domain><name>web1</name></domain>";

    expect(await errorOf(withUuid({ xml, uuid: undefined }, UUID, "f", "web1"))).toMatchObject({
      message: `guest configuration: f: has no place for the guest's UUID ${UUID}`,
    });
  });
});

describe("prepare", () => {
  it("defines a guest from its file, without autostart", async () => {
    await prepare(await file("web1.xml", "<domain><name>web1</name></domain>"));

    expect(host.libvirtd.named("web1").autostart).toBe(false);
    expect(host.libvirtd.calls).toContain("defineXml");
  });

  it("clears autostart of what it has defined, though that of others' definitions is only reported", async () => {
    host.settings.autostart = "warn";
    host.libvirtd.define("web1").autostart = true;
    await prepare(await file("web1.xml", "<domain><name>web1</name></domain>"));

    expect(host.libvirtd.named("web1").autostart).toBe(false);
    expect(host.log.messages("warn")).toEqual([
      "autostart cleared, after a power cut both hosts would have booted the guest",
    ]);
  });

  it.each(["getAutostart", "setAutostart"])(
    "warns when %s fails after it has defined, and goes on",
    async (call) => {
      host.settings.autostart = "warn";
      host.libvirtd.define("web1").autostart = true;
      host.libvirtd.hanging.add(call);

      expect(await prepare(await file("web1.xml", "<domain><name>web1</name></domain>"))).toEqual({
        resynced: false,
      });
      expect(host.log.messages("warn")).toEqual([CANNOT]);
    },
  );

  it("leaves a defined guest without a file as it is", async () => {
    host.libvirtd.define("web1");
    await prepare();

    expect(host.libvirtd.calls).not.toContain("defineXml");
  });

  it("refuses a guest that is neither defined nor in a file", async () => {
    expect(await errorOf(prepare())).toMatchObject({
      code: "GUEST_NOT_FOUND",
      message:
        "guest web1 is not defined on this host and GuestConfigFilePath is not set: define it, or set the path",
    });
    expect(await errorOf(prepare("/nowhere/web1.xml"))).toMatchObject({ code: "BAD_ATTRIBUTE" });
    expect(host.libvirtd.all()).toEqual([]);
  });

  it("uses the existing definition when the file cannot be used, and says so", async () => {
    host.libvirtd.define("web1");
    await prepare("/nowhere/web1.xml");

    expect(host.log.messages("warn")).toEqual([
      "guest configuration file is not used, the existing definition is",
    ]);
  });
});

function claim(name: string) {
  return host.clock.until(host.platform.claim(name, never));
}

describe("claim", () => {
  it.each([
    ["clear", false, "autostart cleared, after a power cut both hosts would have booted the guest"],
    ["warn", true, "autostart is set, after a power cut both hosts will boot the guest"],
  ] as const)("with the policy %s leaves autostart %s", async (policy, left, message) => {
    host.settings.autostart = policy;
    host.libvirtd.define("web1").autostart = true;
    await claim("web1");

    expect(host.libvirtd.named("web1").autostart).toBe(left);
    expect(host.log.messages("warn")).toEqual([message]);
  });

  it("says nothing of a guest without autostart, and of one that is not defined", async () => {
    host.libvirtd.define("web1");
    await claim("web1");
    await claim("web2");

    expect(host.log.entries).toEqual([]);
  });

  it("warns of an autostart that cannot be cleared", async () => {
    host.libvirtd.define("web1").autostart = true;
    host.libvirtd.hanging.add("setAutostart");
    await claim("web1");

    expect(host.log.messages("warn")).toEqual([CANNOT]);
  });

  it("never throws", async () => {
    host.libvirtd.stop();

    await expect(claim("web1")).resolves.toBeUndefined();
  });
});

describe("validate", () => {
  it("finds nothing to say of a guest that is defined and a folder that can be written", async () => {
    host.libvirtd.define("web1");
    const attributes = attributesOfGuest("web1", { syncDir: host.runDirectory });

    expect(await host.clock.until(host.platform.validate(attributes, never))).toEqual([]);
  });

  it("finds a missing guest, a broken file and a SyncDir that is none, all at once", async () => {
    const notFolder = await file("sync", "");
    const nowhere = attributesOfGuest("web1", { syncDir: notFolder });
    const broken = attributesOfGuest("web1", { guestConfigFilePath: await file("web1.xml", "<x") });
    const texts = async (attributes: typeof nowhere) => {
      const findings = await host.clock.until(host.platform.validate(attributes, never));
      return findings.map(({ level, text }) => `${level}: ${text}`);
    };

    expect(await texts(nowhere)).toEqual([
      "warn: guest web1 is not defined on this host and GuestConfigFilePath is not set",
      `warn: SyncDir = "${notFolder}": is no directory`,
    ]);
    expect(await texts(broken)).toEqual([matching(/^warn: guest configuration: .*is no well-formed XML/)]);
  });

  it("finds a SyncDir that is missing", async () => {
    host.libvirtd.define("web1");
    await mkdir(join(host.runDirectory, "x"));
    await chmod(join(host.runDirectory, "x"), 0o700);
    const attributes = attributesOfGuest("web1", { syncDir: join(host.runDirectory, "x/missing") });
    const findings = await host.clock.until(host.platform.validate(attributes, never));

    expect(findings).toEqual([{ level: "warn", text: matching(/^ENOENT/) }]);
  });
});
