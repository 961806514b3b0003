import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Attributes } from "../../../src/attributes.ts";
import { autostartCheck, libvirtGuestsCheck } from "../../../src/kvm/readiness/autostart.ts";
import { definitionCheck } from "../../../src/kvm/readiness/definition.ts";
import { disksCheck } from "../../../src/kvm/readiness/disks.ts";
import type { FileSystemKind } from "../../../src/kvm/readiness/file-system.ts";
import { syncFolderChecks } from "../../../src/kvm/readiness/sync-folder.ts";
import { SharedStorage } from "../../../src/kvm/shared-storage.ts";
import { LibvirtCallError } from "../../../src/libvirt/errors.ts";
import { FakeInspectedHost, type InspectedOptions, wordsOf } from "../../support/fakes/inspected-host.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";

const never = new AbortController().signal;
const UUID = "6695eb01-f6a4-8304-79aa-97f2502e193f";
const OTHER = "00000000-f6a4-8304-79aa-97f2502e193f";
const NFS = { name: "NFS", sharing: "shared" } as const;
const EXT4 = { name: "ext4", sharing: "local" } as const;
const DEFINED: InspectedOptions = { domains: { web1: { uuid: UUID } } };
const DOWN: InspectedOptions = { refusal: new LibvirtCallError("no socket", "nobody there") };

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "readiness-"));
});

afterEach(() => rm(folder, { recursive: true }));

/** A file of the test's folder. */
async function put(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(path, text);
  return path;
}

function vm1(changes: Partial<Attributes> = {}) {
  return { resource: "vm1", attributes: attributesOfGuest("web1", changes) };
}

function inFolder(rows: readonly { readonly verdict: string; readonly text: string }[]): readonly string[] {
  return wordsOf(rows).map((text) => text.replaceAll(`${folder}/`, ""));
}

const fileXml = (name: string, uuid = "") => `<domain>\n<name>${name}</name>${uuid}</domain>`;

async function saidOfDefinition(options: InspectedOptions, file?: string): Promise<readonly string[]> {
  const guestConfigFilePath = file === undefined ? undefined : await put("web1.xml", file);
  const { access } = new FakeInspectedHost(options);
  return inFolder(
    await definitionCheck(access, new SharedStorage(), vm1({ guestConfigFilePath })).look(never),
  );
}

describe("the check of a definition", () => {
  it("is content with a guest that libvirt knows, or that its file defines, or both", async () => {
    expect(await saidOfDefinition(DEFINED)).toEqual([`ok: defined here with UUID ${UUID}`]);
    expect(await saidOfDefinition(DEFINED, fileXml("web1", `<uuid>${UUID}</uuid>`))).toEqual([
      `ok: defined here and in web1.xml with UUID ${UUID}`,
    ]);
    expect(await saidOfDefinition({}, fileXml("web1", `<uuid>${UUID}</uuid>`))).toEqual([
      `ok: web1.xml defines it at its first start here, with UUID ${UUID}`,
    ]);
  });

  it("has a problem with a guest that nothing defines", async () => {
    expect(await saidOfDefinition({})).toEqual([
      "problem: not defined on this host, and GuestConfigFilePath is not set: it cannot be started here",
    ]);
  });

  it.each([
    [fileXml("web2"), 'problem: guest configuration: web1.xml: line 2: defines guest "web2", not "web1"'],
    [
      fileXml("web1", `<uuid>${OTHER}</uuid>`),
      `problem: web1.xml holds UUID ${OTHER}, but libvirt knows the guest as ${UUID}: the file is not used`,
    ],
    [
      fileXml("web1"),
      "warning: web1.xml holds no <uuid>: each host would make up one of its own, and take the guest of the others for another one",
    ],
    ["<domain", expect.stringMatching(/^problem: guest configuration: web1\.xml: .*well-formed/)],
  ])("finds what is wrong with a file: %s", async (file, expected) => {
    expect(await saidOfDefinition(DEFINED, file)).toEqual([expected]);
  });

  it("checks nothing without libvirt, but tells of a broken file all the same", async () => {
    expect(await saidOfDefinition(DOWN)).toEqual(["not checked: looking up guest web1: nobody there"]);
    expect(await saidOfDefinition(DOWN, fileXml("web2"))).toEqual([
      "not checked: looking up guest web1: nobody there",
      'problem: guest configuration: web1.xml: line 2: defines guest "web2", not "web1"',
    ]);
  });
});

const saidOfAutostart = async (options: InspectedOptions) =>
  wordsOf(await autostartCheck(new FakeInspectedHost(options).access, rivalPlaces(), vm1()).look(never));

const rivalPlaces = () => ({
  unitFolders: [join(folder, "units")],
  settingsFiles: [join(folder, "settings")],
  scopeFolders: [join(folder, "scopes")],
});

describe("the check of autostart", () => {
  it("is content with a guest that nobody starts", async () => {
    expect(await saidOfAutostart(DEFINED)).toEqual(["ok: libvirt does not start it by itself"]);
    expect(await saidOfAutostart({})).toEqual(["ok: not defined here, so nothing starts it"]);
  });

  it("has a problem with autostart, and names the command that ends it", async () => {
    expect(await saidOfAutostart({ domains: { web1: { uuid: UUID, autostart: true } } })).toEqual([
      "problem: autostart of guest web1 is set, so libvirt boots it with the host, wherever else it runs: virsh autostart --disable web1",
    ]);
  });

  it("has a problem with libvirt-guests once for the host, and none with one that is disabled", async () => {
    const rows = () => libvirtGuestsCheck(rivalPlaces()).look(never);
    expect(wordsOf(await rows())).toEqual(["ok: the service libvirt-guests is not enabled"]);

    await mkdir(join(folder, "units/multi-user.target.wants"), { recursive: true });
    await symlink("/x", join(folder, "units/multi-user.target.wants/libvirt-guests.service"));
    await put("settings", "ON_BOOT=ignore\nON_SHUTDOWN=shutdown\n");

    expect(wordsOf(await rows())).toEqual([
      "problem: libvirt-guests is enabled: it shuts all guests down with the host (ON_SHUTDOWN=shutdown), behind the cluster's back: systemctl disable libvirt-guests, and do not stop it while guests run, for then it does so at once",
    ]);
    expect(
      wordsOf(await autostartCheck(new FakeInspectedHost(DEFINED).access, rivalPlaces(), vm1()).look(never)),
    ).toEqual(["ok: libvirt does not start it by itself"]);
  });
});

const lookAtDisks = async (changes: Partial<Attributes>) => {
  const parts = {
    libvirt: new FakeInspectedHost().access,
    storage: new SharedStorage(),
    hasPeers: false,
  };
  return inFolder(await disksCheck(parts, vm1(changes)).look(never));
};

async function saidOfDisks(
  disks: string,
  { hasPeers = false, kind = NFS }: { hasPeers?: boolean; kind?: FileSystemKind } = {},
) {
  const xml = `<domain><devices>${disks}</devices></domain>`;
  const { access } = new FakeInspectedHost({ domains: { web1: { uuid: UUID, xml } } });
  const parts = { libvirt: access, storage: new SharedStorage(), hasPeers, kindOf: async () => kind };
  return inFolder(await disksCheck(parts, vm1()).look(never));
}

const diskXml = (attributes: string, more = "") =>
  `<disk type='file'><source ${attributes}/><target dev='vda'/>${more}</disk>`;

describe("the check of disks", () => {
  it("is content with disks that are there on storage that others can see, and with drives that are empty", async () => {
    const image = await put("a.img", "");

    expect(await saidOfDisks(diskXml(`file='${image}'`))).toEqual([
      "ok: its disk is there; nothing says that other hosts cannot see them",
    ]);
    expect(
      await saidOfDisks(
        `${diskXml(`file='${image}'`)}<disk device='cdrom'><target dev='hdc'/></disk>${diskXml("protocol='rbd'")}`,
      ),
    ).toEqual(["ok: its 2 disks are there; nothing says that other hosts cannot see them"]);
  });

  it("has a problem with a missing disk where guests are migrated, and a warning where a group may mount it", async () => {
    const gone = diskXml(`file='${folder}/gone.img'`);

    expect(await saidOfDisks(gone, { hasPeers: true })).toEqual([
      "problem: disk vda, gone.img, is not there: the guest can neither be started here nor migrated to here",
    ]);
    expect(await saidOfDisks(gone)).toEqual([
      "warning: disk vda, gone.img, is not there now: all is well if the guest's group mounts it first",
    ]);
  });

  it("warns of a disk on a local file system", async () => {
    const image = await put("a.img", "");

    expect(await saidOfDisks(diskXml(`file='${image}'`), { kind: EXT4 })).toEqual([
      "warning: disk vda, a.img, is on a local file system (ext4): other hosts see it only where the same disk is mounted",
    ]);
    expect(await saidOfDisks(diskXml(`file='${image}'`, "<readonly/>"), { kind: EXT4 })).toEqual([
      "warning: disk vda, a.img, is on a local file system (ext4): a file that every host must have",
    ]);
  });

  it("takes the disks of a guest that is not defined here from its file, and checks none where there is none", async () => {
    const guestConfigFilePath = await put(
      "web1.xml",
      `<domain><name>web1</name><devices>${diskXml(`file='${folder}/gone.img'`)}</devices></domain>`,
    );
    expect(await lookAtDisks({ guestConfigFilePath })).toEqual([
      "warning: disk vda, gone.img, is not there now: all is well if the guest's group mounts it first",
    ]);
    expect(await lookAtDisks({})).toEqual([
      "not checked: the guest is not defined here, and no file tells its disks",
    ]);
  });
});

const saidOfFolder = async (syncDir: string, kind: FileSystemKind = NFS) => {
  const [check] = syncFolderChecks(new SharedStorage(), vm1({ syncDir }), async () => kind);
  return inFolder((await check?.look(never)) ?? []);
};

describe("the check of SyncDir", () => {
  it("is none where SyncDir is not set", () => {
    expect(syncFolderChecks(new SharedStorage(), vm1())).toEqual([]);
  });

  it("tells whether others see the folder", async () => {
    const path = join(folder, "sync");
    await mkdir(path);

    expect(await saidOfFolder(path)).toEqual(["ok: sync is there, writable, and shared (NFS)"]);
    expect(await saidOfFolder(path, { name: "VxFS", sharing: "unclear" })).toEqual([
      "ok: sync is there and writable; whether VxFS there is shared cannot be told from here",
    ]);
    expect(await saidOfFolder(path, EXT4)).toEqual([
      "warning: SyncDir sync is on a local file system (ext4): other hosts do not see the copies, unless the same disk is mounted there",
    ]);
  });

  it("has a problem with what is no folder, or is not there", async () => {
    expect(await saidOfFolder(await put("file", ""))).toEqual(["problem: SyncDir file is no directory"]);
    expect(await saidOfFolder(join(folder, "gone"))).toEqual([
      expect.stringMatching(/^problem: SyncDir gone cannot be used: ENOENT/),
    ]);
  });

  it("does not wait for a folder that hangs", async () => {
    const path = join(folder, "sync");
    await mkdir(path);
    const storage = new SharedStorage();
    const over = new AbortController();
    const [hung] = syncFolderChecks(storage, vm1({ syncDir: path }), () => new Promise(() => undefined));
    const first = hung?.look(over.signal);
    over.abort();
    await first;
    const [second] = syncFolderChecks(storage, vm1({ syncDir: path }));

    expect(inFolder((await second?.look(never)) ?? [])).toEqual([
      "not checked: sync: still does not answer, its storage hangs",
    ]);
  });
});
