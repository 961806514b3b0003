import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeCopy } from "../../src/kvm/sync-folder.ts";
import { errorOf } from "../support/error-of.ts";
import { type Host, makeHost } from "../support/host/host.ts";
import { knownGuest, openedResource } from "../support/host/known-guest.ts";
import { MONITOR } from "../support/host/resource.ts";
import { attentiveFiles } from "../support/lab/boot-sector.ts";
import { domainState } from "../support/lab/guest.ts";
import { type GuestFiles, guestFiles } from "../support/lab/guest-files.ts";
import { run } from "../support/lab/run.ts";
import { until } from "../support/lab/until.ts";
import { matching } from "../support/matching.ts";
import { repositoryFile } from "../support/repository.ts";
import { deadShare } from "../support/trouble/dead-share.ts";

const NOT_COPIED = "guest configuration cannot be copied to SyncDir, other systems keep the copy before";
const never = new AbortController().signal;

describe("a copy in SyncDir (scenario 85)", () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sync-"));
  });

  afterAll(() => rm(folder, { recursive: true }));

  it("is whole, the old one or the new one, whenever its writer is killed", async () => {
    for (let kill = 0; kill < 12; kill++) {
      const writer = spawn(process.execPath, [
        repositoryFile("dist/test/support/copy-forever-main.js"),
        folder,
      ]);
      await once(writer.stdout, "data");
      const ended = once(writer, "exit");
      const seen = new Set((await readdir(folder)).filter((name) => name.endsWith(".tmp")));
      // at a moment when a new copy is being written
      await until("a copy is being written", async () =>
        (await readdir(folder)).some((name) => name.endsWith(".tmp") && !seen.has(name)),
      );
      writer.kill("SIGKILL");
      await ended;
      const copies = (await readdir(folder)).filter((name) => !name.endsWith(".tmp"));
      expect(copies).toContain("web1.xml");
      for (const name of copies) {
        const text = await readFile(join(folder, name), "utf8");
        expect(text).toMatch(/^<domain>([a-z])\1+<\/domain>$/);
        expect(text).toHaveLength(400_017);
      }
    }
  });

  it("is the old one on a full disk, and nothing is left of the new one", async () => {
    const small = await mkdtemp(join(tmpdir(), "small-"));
    await run("mount", ["-t", "tmpfs", "-o", "size=64k", "small", small]);
    try {
      await writeCopy(small, "web1", `<domain>${"a".repeat(30_000)}</domain>`, 0, never);
      const full = await errorOf(
        writeCopy(small, "web1", `<domain>${"b".repeat(50_000)}</domain>`, 3, never),
      );

      expect(full).toMatchObject({
        code: "REFUSED",
        message: matching(/web1\.xml: ENOSPC.*; make room in SyncDir$/),
      });
      expect(await readdir(small)).toEqual(["web1.xml"]);
      expect(await readFile(join(small, "web1.xml"), "utf8")).toMatch(/^<domain>a+<\/domain>$/);
    } finally {
      await run("umount", [small]);
      await rm(small, { recursive: true });
    }
  });
});

describe("a SyncDir that hangs", () => {
  let host: Host;
  let files: GuestFiles;

  beforeAll(async () => {
    host = await makeHost();
    files = await attentiveFiles(host.libvirtd, await guestFiles());
    await host.daemon.start();
  });

  afterAll(() => host.stop());

  async function folder(name: string): Promise<string> {
    const path = join(host.folder, name);
    await mkdir(path);
    return path;
  }

  it("costs a clean and an offline its share of their time once, then nothing, and fails neither", async () => {
    const syncDir = await folder("sync");
    const attributes = { SyncDir: syncDir };
    const names = ["one", "two", "three"];
    const [one, two, three] = await Promise.all(
      names.map((name) => knownGuest(host, files, name, { attributes })),
    );
    const hung = await deadShare(syncDir);
    const first = await one?.clean(1);
    expect(first?.exitCode).toBe(0);
    expect(await domainState(host.libvirtd, "one")).toBe("shut off (destroyed)");
    expect(JSON.stringify(host.daemon.said(NOT_COPIED, { guest: "one" }))).toContain(
      "did not end within 5000 ms",
    );

    expect((await two?.clean(1))?.exitCode).toBe(0);
    expect((await three?.offline())?.exitCode).toBe(0);
    for (const guest of ["two", "three"]) {
      expect(JSON.stringify(host.daemon.said(NOT_COPIED, { guest }))).toContain("its storage hangs");
    }
    expect(await two?.monitor()).toBe(MONITOR.offline);

    await hung.stop();
    await host.libvirtd.virsh("start", "two");
    expect(await two?.monitor()).toBe(MONITOR.online);
    await until("the folder can be used again", async () => {
      await host.shim("actions/vmconfigsync", "two", ...(two?.tuples() ?? []));
      return (await readdir(syncDir)).includes("two.xml");
    });
  });

  it("leaves the registrations writable, however many hang", async () => {
    const folders = [await folder("sync1"), await folder("sync2"), await folder("sync3")];
    const resources = await Promise.all(
      folders.map((syncDir, at) =>
        knownGuest(host, files, `many${at}`, { attributes: { SyncDir: syncDir } }),
      ),
    );
    const hung = await Promise.all(folders.map((folder) => deadShare(folder)));
    const cleaned = await Promise.all(resources.map((resource) => resource.clean(1, { timeoutS: 20 })));
    expect(cleaned.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);

    // no more than two of Node's four threads are lost: the registration of a new resource is on disk
    await openedResource(host, "newcomer");
    const file = join(host.stateDirectory, "registrations/newcomer.json");
    await until("the registration is written", async () =>
      (await readFile(file, "utf8")).includes("newcomer"),
    );
    for (const one of hung) await one.stop();
  });

  it("does not keep a guest from being started with the definition that is there", async () => {
    const syncDir = await folder("sync4");
    const resource = await knownGuest(host, files, "starter", { attributes: { SyncDir: syncDir } });
    await resource.clean(1);
    await writeFile(join(syncDir, "starter.xml"), "spoilt");
    const hung = await deadShare(syncDir);
    await resource.online({ attributes: { ResyncVMCfg: "1", DelayAfterGuestOnline: "0" } });

    expect(await resource.monitor()).toBe(MONITOR.online);
    const used = host.daemon.said("guest configuration file is not used, the existing definition is", {
      guest: "starter",
    });
    expect(JSON.stringify(used)).toContain("did not end within 5000 ms");
    await hung.stop();
  });
});
