import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { UNWATCHED } from "../../../src/beat.ts";
import { Lane } from "../../../src/kvm/lane.ts";
import { payloadDriveXml } from "../../../src/kvm/payload-drive.ts";
import { Payloads } from "../../../src/kvm/payloads.ts";
import type { MigrationEnd } from "../../../src/migration.ts";
import { errorOf } from "../../support/error-of.ts";
import type { FakeDomain } from "../../support/fakes/fake-domain.ts";
import { FakeLibvirtd } from "../../support/fakes/fake-libvirtd.ts";
import { RecordingLog } from "../../support/fakes/recording-log.ts";
import { containing } from "../../support/matching.ts";

const PAYLOAD = { name: "vcsnet.conf", content: "vcsnet=1\n" };
const CDROM = "<disk type='file' device='cdrom'><target dev='hdc' bus='ide'/><readonly/></disk>";
const never = new AbortController().signal;

let folder: string;
let libvirtd: FakeLibvirtd;
let domain: FakeDomain;
let log: RecordingLog;
let payloads: Payloads;
let ending: AbortController;
let running: Promise<void>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "payloads-"));
  libvirtd = new FakeLibvirtd();
  domain = libvirtd.define("web1");
  domain.disks.push(CDROM);
  log = new RecordingLog();
  const lane = new Lane({ name: "slow", speaks: false, open: (signal) => libvirtd.open(signal), log });
  ending = new AbortController();
  running = lane.run(UNWATCHED, ending.signal);
  payloads = new Payloads({ lane, settings: () => ({ payloadDirectory: folder }), log });
});

afterEach(async () => {
  ending.abort();
  await running;
  await rm(folder, { recursive: true });
});

const isEmpty = () => !domain.disks.some((disk) => disk.includes("web1.iso"));
const ours = () => payloadDriveXml({ bus: "ide", target: "hdd" }, join(folder, "web1.iso"));

describe("payload of a guest", () => {
  it("is one more CD-ROM, whose image holds the file", async () => {
    await payloads.set("web1", PAYLOAD, never);

    expect(domain.disks).toEqual([CDROM, ours()]);
    const image = await readFile(join(folder, "web1.iso"), "latin1");
    expect(image.slice(32_808, 32_840).trim()).toBe("VCSNET");
    expect(image).toContain("vcsnet=1\n");
  });

  it("is replaced in the image alone where the drive is there", async () => {
    await payloads.set("web1", PAYLOAD, never);
    await payloads.set("web1", { ...PAYLOAD, content: "vcsnet=2\n" }, never);

    expect(domain.disks).toEqual([CDROM, ours()]);
    expect(libvirtd.calls.filter((call) => call === "attachDevice")).toHaveLength(1);
    expect(await readFile(join(folder, "web1.iso"), "latin1")).toContain("vcsnet=2\n");
  });

  it("takes the place of a drive that came from another host", async () => {
    domain.disks.push(payloadDriveXml({ bus: "ide", target: "hdb" }, "/elsewhere/web1.iso"));
    await payloads.set("web1", PAYLOAD, never);

    expect(domain.disks).toEqual([CDROM, ours()]);
  });

  it("is taken away, drive and image, and nothing else", async () => {
    await payloads.set("web1", PAYLOAD, never);
    await payloads.set("web1", undefined, never);

    expect(domain.disks).toEqual([CDROM]);
    expect(await errorOf(readFile(join(folder, "web1.iso")))).toMatchObject({ code: "ENOENT" });
    expect(log.messages("info").at(-1)).toBe("CD-ROM with network settings taken from the guest");
  });

  it("leaves no image behind where a definition from a file has taken the drive's place", async () => {
    await payloads.set("web1", PAYLOAD, never);
    domain.disks.splice(0, 2, CDROM);
    await payloads.set("web1", undefined, never);

    expect(domain.disks).toEqual([CDROM]);
    expect(await errorOf(readFile(join(folder, "web1.iso")))).toMatchObject({ code: "ENOENT" });
  });

  it("says nothing and changes nothing where there was none", async () => {
    await payloads.set("web1", undefined, never);

    expect(libvirtd.calls).toEqual(["lookupByName", "getXml"]);
    expect(log.entries.filter(({ level }) => level !== "debug")).toEqual([]);
  });

  it("keeps no guest without DROpts from starting", async () => {
    libvirtd.undefine("web1");
    await payloads.set("web1", undefined, never);

    expect(log.messages("warn")).toEqual([
      "CD-ROM with network settings cannot be looked for and taken away",
    ]);
  });

  it("keeps a guest from starting that has no place for it", async () => {
    for (const target of ["hda", "hdb", "hdd", "sda", "sdb", "sdc", "sdd", "sde", "sdf"])
      domain.disks.push(`<disk type='file' device='disk'><target dev='${target}' bus='ide'/></disk>`);

    expect(await errorOf(payloads.set("web1", PAYLOAD, never))).toMatchObject({
      code: "REFUSED",
      message: containing("all places for disks"),
    });
  });

  it("keeps the old image when the new one cannot be written", async () => {
    await payloads.set("web1", PAYLOAD, never);
    const path = process.env["PATH"];
    process.env["PATH"] = folder;
    const failing = join(folder, "genisoimage");
    await writeFile(failing, "#!/bin/sh\necho no space left >&2\nexit 1\n", { mode: 0o755 });
    try {
      expect(await errorOf(payloads.set("web1", { ...PAYLOAD, content: "new\n" }, never))).toMatchObject({
        code: "REFUSED",
        message: containing("no space left"),
      });
    } finally {
      process.env["PATH"] = path;
    }

    expect(await readFile(join(folder, "web1.iso"), "latin1")).toContain("vcsnet=1\n");
  });
});

describe("migration of a guest with a payload", () => {
  const plan = {
    target: "node2",
    abortAfterMs: 1000,
    onMoving: async () => undefined,
    onProgress: () => undefined,
  };

  function migrate(kind: MigrationEnd["kind"], atMove: () => void): Promise<MigrationEnd> {
    return payloads.aroundMigration("web1", plan, never, async ({ onMoving }) => {
      await onMoving(domain.uuid);
      atMove();
      return { kind, why: "told by the test" };
    });
  }

  beforeEach(async () => {
    await payloads.set("web1", PAYLOAD, never);
  });

  it("begins with an empty drive, which stays empty where the guest has left", async () => {
    const seen: boolean[] = [];
    await migrate("moved", () => seen.push(isEmpty()));

    expect(seen).toEqual([true]);
    expect(isEmpty()).toBe(true);
    expect(domain.disks).toHaveLength(2);
  });

  it("puts the medium back into a guest that stayed", async () => {
    await migrate("stayed", () => undefined);

    expect(domain.disks.at(-1)).toContain(`<source file='${folder}/web1.iso' startupPolicy='optional'/>`);
  });

  it("puts the medium back where the migration was not asked for after all", async () => {
    const isFull = { ...plan, onMoving: () => Promise.reject(new Error("disk full")) };
    const seen: string[] = [];
    const migration = payloads.aroundMigration("web1", isFull, never, async ({ onMoving }) => {
      await onMoving(domain.uuid);
      seen.push("migration");
      return { kind: "moved", why: "told by the test" };
    });

    expect(await errorOf(migration)).toMatchObject({ message: "disk full" });
    expect(seen).toEqual([]);
    expect(isEmpty()).toBe(false);
  });

  it("leaves a guest alone whose end is in doubt", async () => {
    await migrate("doubtful", () => undefined);

    expect(isEmpty()).toBe(true);
  });

  it("takes the medium from a guest that has locked its drive", async () => {
    domain.locksMedia = "unless forced";
    const seen: boolean[] = [];
    await migrate("moved", () => seen.push(isEmpty()));

    expect(seen).toEqual([true]);
    expect(log.messages("info").at(-1)).toBe("CD-ROM with network settings is ejected by force");
  });

  it("is refused where libvirt does not tell, in words that fit a guest without DROpts too", async () => {
    libvirtd.undefine("web1");

    expect(await errorOf(migrate("moved", () => undefined))).toMatchObject({
      message: containing("libvirt does not tell whether it has a CD-ROM with network settings"),
    });
  });

  it("is refused where the medium cannot be ejected at all", async () => {
    domain.locksMedia = "always";
    const asked: string[] = [];

    expect(await errorOf(migrate("moved", () => asked.push("migration")))).toMatchObject({
      message: containing(
        "guest web1 is not migrated: its CD-ROM with the network settings cannot be ejected",
      ),
    });
    expect(asked).toEqual([]);
  });
});
