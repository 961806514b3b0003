import { randomUUID } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Host, makeHost } from "../support/host/host.ts";
import { knownGuest, openedResource } from "../support/host/known-guest.ts";
import { MONITOR, type Resource } from "../support/host/resource.ts";
import { attentiveFiles, attentiveOptions } from "../support/lab/boot-sector.ts";
import { defineGuest, domainState, emulatorPid } from "../support/lab/guest.ts";
import { type GuestFiles, guestFiles } from "../support/lab/guest-files.ts";
import { type GuestOptions, guestXml } from "../support/lab/guest-xml.ts";
import { run } from "../support/lab/run.ts";

let host: Host;
let files: GuestFiles;

beforeAll(async () => {
  host = await makeHost();
  files = await attentiveFiles(host.libvirtd, await guestFiles());
  await host.startDaemon();
});

afterAll(() => host.stop());

const virsh = (...args: string[]): Promise<string> => host.libvirtd.virsh(...args);

function xmlOf(name: string, options: Partial<GuestOptions> = {}): string {
  return guestXml(attentiveOptions(host.libvirtd, name, files, options));
}

async function isDefined(name: string): Promise<boolean> {
  return (await virsh("list", "--all", "--name")).split("\n").includes(name);
}

/** A resource whose GuestConfigFilePath names a file with that text. */
async function withFile(name: string, text: string): Promise<{ resource: Resource; path: string }> {
  const path = join(host.folder, `${name}.cfg`);
  await writeFile(path, text);
  return { resource: await withPath(name, path), path };
}

function withPath(name: string, path: string): Promise<Resource> {
  return openedResource(host, name, { GuestConfigFilePath: path, DelayAfterGuestOnline: "0" });
}

/** What the log says of a failed online, as one text. */
function failures(resource: string): string {
  return JSON.stringify(host.daemon.said("entry point failed", { resource }));
}

/** What the log says of files that were passed over, as one text. */
function warnings(guest: string): string {
  const message = "guest configuration file is not used, the existing definition is";
  return JSON.stringify(host.daemon.said(message, { guest }));
}

/** What cannot serve as the definition of a guest: each puts it at the path. */
const UNUSABLE = {
  missing: () => Promise.resolve(),
  empty: (path: string) => writeFile(path, ""),
  broken: (path: string, name: string) => writeFile(path, xmlOf(name).slice(0, 300)),
  "no domain": (path: string) => writeFile(path, "<network><name>n</name></network>"),
  "another guest's": (path: string) => writeFile(path, xmlOf("somebody-else")),
  nameless: (path: string) => writeFile(path, "<domain type='qemu'><memory>1</memory></domain>"),
  "a pipe": (path: string) => run("mkfifo", [path]),
  "a directory": (path: string) => mkdir(path),
  binary: (path: string) => writeFile(path, Buffer.from([0, 255, 254, 1, 2, 3])),
  "refused by libvirt": (path: string, name: string) =>
    writeFile(path, xmlOf(name).replaceAll("machine='pc'", "machine='abacus'")),
} as const;

const KINDS = Object.keys(UNUSABLE).map((kind) => [kind]);

function isKind(kind: string): kind is keyof typeof UNUSABLE {
  return Object.hasOwn(UNUSABLE, kind);
}

async function spoil(kind: string, name: string): Promise<string> {
  if (!isKind(kind)) throw new Error(`no way to make a file ${kind}`);
  const path = join(host.folder, `${name}.cfg`);
  await UNUSABLE[kind](path, name);
  return path;
}

describe("online of a guest that is not defined here", () => {
  it("defines it from GuestConfigFilePath and starts it", async () => {
    const uuid = randomUUID();
    const { resource } = await withFile("fresh", xmlOf("fresh", { uuid }));
    expect(await resource.monitor()).toBe(MONITOR.offline);

    expect((await resource.online()).exitCode).toBe(0);

    expect(await resource.monitor()).toBe(MONITOR.online);
    expect(await virsh("domuuid", "fresh")).toBe(uuid);
    expect(await virsh("list", "--persistent", "--name")).toContain("fresh");
  });

  it("fails without a path, and says what to do (scenario 5)", async () => {
    const resource = await openedResource(host, "nowhere");

    expect((await resource.online()).exitCode).toBe(0);

    expect(await resource.monitor()).toBe(MONITOR.offline);
    expect(failures("nowhere")).toContain("GuestConfigFilePath is not set");
  });

  it.each(KINDS)(
    "fails when the file is %s, names it and leaves no definition (scenario 5)",
    async (kind) => {
      const name = `new-${kind.replace(/\W/g, "-")}`;
      const path = await spoil(kind, name);
      const resource = await withPath(name, path);

      expect((await resource.online()).exitCode).toBe(0);

      expect(await isDefined(name)).toBe(false);
      expect(await resource.monitor()).toBe(MONITOR.offline);
      expect(failures(name)).toContain(path);
    },
  );

  it("does not repeat the line that libvirt finds at fault: a console's password stands there (scenario 89)", async () => {
    const console = "<graphics type='vnc' passwd='Kranich4711<Vogel'/>";
    const { resource, path } = await withFile("console", xmlOf("console", { devices: console }));

    await resource.online();

    expect(failures("console")).toContain(`${path}: (domain_definition):`);
    expect(failures("console")).toContain("Unescaped '<' not allowed");
    expect(JSON.stringify(host.daemon.lines)).not.toContain("Kranich4711");
  });

  it("fails when its file carries the UUID of another guest, which stays as it is", async () => {
    const uuid = randomUUID();
    await defineGuest(host.libvirtd, attentiveOptions(host.libvirtd, "owner", files, { uuid }));
    const { resource, path } = await withFile("thief", xmlOf("thief", { uuid }));

    await resource.online();

    expect(await isDefined("thief")).toBe(false);
    expect(await virsh("domuuid", "owner")).toBe(uuid);
    expect(failures("thief")).toContain(path);
  });
});

describe("online of a guest that is defined here", () => {
  it.each(KINDS)("starts it as it is when the file is %s, with a warning (scenario 5)", async (kind) => {
    const name = `old-${kind.replace(/\W/g, "-")}`;
    await defineGuest(host.libvirtd, attentiveOptions(host.libvirtd, name, files, { title: "as it was" }));
    const path = await spoil(kind, name);
    const resource = await withPath(name, path);

    expect((await resource.online()).exitCode).toBe(0);

    expect(await resource.monitor()).toBe(MONITOR.online);
    expect(await virsh("dumpxml", name)).toContain("<title>as it was</title>");
    expect(warnings(name)).toContain(path);
    await virsh("destroy", name);
  });

  it("redefines it from a file without a UUID and keeps the UUID that libvirt knows it by", async () => {
    const uuid = randomUUID();
    await defineGuest(host.libvirtd, attentiveOptions(host.libvirtd, "anew", files, { uuid }));
    const { resource } = await withFile("anew", xmlOf("anew", { title: "as in the file" }));

    await resource.online();

    expect(await resource.monitor()).toBe(MONITOR.online);
    expect(await virsh("dumpxml", "anew")).toContain("<title>as in the file</title>");
    expect(await virsh("domuuid", "anew")).toBe(uuid);
  });

  it("redefines it from a file with its own UUID", async () => {
    const uuid = randomUUID();
    await defineGuest(host.libvirtd, attentiveOptions(host.libvirtd, "own", files, { uuid }));
    const { resource } = await withFile("own", xmlOf("own", { uuid, title: "as in the file" }));

    await resource.online();

    expect(await virsh("dumpxml", "own")).toContain("<title>as in the file</title>");
  });

  it("keeps its definition when the file carries a foreign UUID, and names both", async () => {
    const [known, foreign] = [randomUUID(), randomUUID()];
    await defineGuest(host.libvirtd, attentiveOptions(host.libvirtd, "double", files, { uuid: known }));
    const { resource } = await withFile("double", xmlOf("double", { uuid: foreign }));

    await resource.online();

    expect(await resource.monitor()).toBe(MONITOR.online);
    expect(await virsh("domuuid", "double")).toBe(known);
    expect(warnings("double")).toContain(known);
    expect(warnings("double")).toContain(foreign);
  });

  it("never touches it while it runs", async () => {
    const resource = await knownGuest(host, files, "busy");
    const pid = await emulatorPid(host.libvirtd, "busy");
    const before = await virsh("dumpxml", "--inactive", "busy");
    const path = join(host.folder, "busy.cfg");
    await writeFile(path, xmlOf("busy", { title: "new" }));

    await resource.online({ attributes: { GuestConfigFilePath: path } });

    expect(await virsh("dumpxml", "--inactive", "busy")).toBe(before);
    expect(await emulatorPid(host.libvirtd, "busy")).toBe(pid);
  });

  it("is stopped and cleaned though its file is missing or broken (scenario 6)", async () => {
    const resource = await knownGuest(host, files, "graceful");
    const attributes = { GuestConfigFilePath: "/nowhere/graceful.xml", DelayAfterGuestOffline: "60" };
    await resource.offline({ attributes });
    expect(await domainState(host.libvirtd, "graceful")).toBe("shut off (shutdown)");

    const forced = await knownGuest(host, files, "forced");
    const path = await spoil("broken", "forced");
    expect((await forced.clean(1, { attributes: { GuestConfigFilePath: path } })).exitCode).toBe(0);
    expect(await domainState(host.libvirtd, "forced")).toBe("shut off (destroyed)");
  });
});
