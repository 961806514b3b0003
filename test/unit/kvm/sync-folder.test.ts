import { execFileSync } from "node:child_process";
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AgentError } from "../../../src/agent-error.ts";
import { copyPath, writeCopy } from "../../../src/kvm/sync-folder.ts";
import { errorOf } from "../../support/error-of.ts";
import { matching } from "../../support/matching.ts";

const never = new AbortController().signal;
const RANDOM = "0f5d1c1e-7f3e-4b5e-9c58-0a8f3f1f2a10";
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sync-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

function copy(text: string, versions = 3, signal = never) {
  return writeCopy(folder, "web1", text, versions, signal);
}

function content(name: string): Promise<string> {
  return readFile(join(folder, name), "utf8");
}

async function names(): Promise<readonly string[]> {
  return (await readdir(folder)).toSorted();
}

async function modeOf(name: string): Promise<string> {
  return ((await stat(join(folder, name))).mode & 0o777).toString(8);
}

/** A file that was last changed this many hours ago. */
async function leave(name: string, hours: number): Promise<void> {
  const path = join(folder, name);
  await writeFile(path, "half");
  const then = Date.now() / 1000 - hours * 3600;
  await utimes(path, then, then);
}

describe("the copy in SyncDir", () => {
  it("is named by the guest and ends in .xml", () => {
    expect(copyPath("/sync/", "web1")).toBe("/sync/web1.xml");
  });

  it("is written for its owner's eyes only, and nothing else is left", async () => {
    expect(await copy("<domain/>")).toBe("written");
    expect(await names()).toEqual(["web1.xml"]);
    expect(await content("web1.xml")).toBe("<domain/>");
    expect(await modeOf("web1.xml")).toBe("600");
  });

  it("is not written when it is the same (scenario 88)", async () => {
    await copy("<domain/>");
    const before = await stat(join(folder, "web1.xml"), { bigint: true });

    expect(await copy("<domain/>")).toBe("unchanged");
    const after = await stat(join(folder, "web1.xml"), { bigint: true });
    expect([after.ino, after.mtimeNs, after.ctimeNs]).toEqual([before.ino, before.mtimeNs, before.ctimeNs]);
    expect(await names()).toEqual(["web1.xml"]);
  });

  it("is taken from others' eyes when it is the same and they could read it", async () => {
    await copy("<domain/>");
    await chmod(join(folder, "web1.xml"), 0o644);

    expect(await copy("<domain/>")).toBe("unchanged");
    expect(await modeOf("web1.xml")).toBe("600");
  });

  it("keeps the last few versions, the youngest first, and lets the oldest go", async () => {
    for (const text of ["one", "two", "three", "four", "five"]) await copy(text);

    expect(await names()).toEqual(["web1.xml", "web1.xml.1", "web1.xml.2", "web1.xml.3"]);
    expect(await content("web1.xml")).toBe("five");
    expect([await content("web1.xml.1"), await content("web1.xml.2"), await content("web1.xml.3")]).toEqual([
      "four",
      "three",
      "two",
    ]);
    expect(await modeOf("web1.xml.1")).toBe("600");
  });

  it("keeps no versions when none are wanted, and removes those beyond the wanted number", async () => {
    for (const text of ["one", "two", "three"]) await copy(text);
    await copy("four", 1);
    expect(await names()).toEqual(["web1.xml", "web1.xml.1"]);
    await copy("five", 0);

    expect(await names()).toEqual(["web1.xml"]);
  });

  it("removes what a crash left long ago, and nothing that another host may be writing or that is not its own", async () => {
    const own = [`web1.xml.${RANDOM}.tmp`, `web1.xml.1.${RANDOM}.tmp`];
    const strangers = [`web10.xml.${RANDOM}.tmp`, "web1.xml.bak", "web1.xml.tmp", `web1.${RANDOM}.tmp`];
    for (const name of [...own, ...strangers]) await leave(name, 2);
    const young = `web1.xml.1f5d1c1e-7f3e-4b5e-9c58-0a8f3f1f2a10.tmp`;
    await leave(young, 0);
    await copy("<domain/>");

    expect(await names()).toEqual([...strangers, young, "web1.xml"].toSorted());
  });

  it("gives nothing its name once its caller has given up, and removes what it wrote aside", async () => {
    await copy("old");
    const caller = new AbortController();
    caller.abort(new AgentError("TIMED_OUT", "late"));

    expect(await errorOf(copy("new", 3, caller.signal))).toMatchObject({ message: "late" });
    expect(await names()).toEqual(["web1.xml"]);
    expect(await content("web1.xml")).toBe("old");
  });

  it("replaces what is too large to be a definition", async () => {
    await writeFile(join(folder, "web1.xml"), "x".repeat(1_048_577));

    expect(await copy("<domain/>")).toBe("written");
    expect(await names()).toEqual(["web1.xml"]);
  });

  it("is refused in a folder that does not exist, which is not made", async () => {
    const missing = join(folder, "missing");

    expect(await errorOf(writeCopy(missing, "web1", "x", 3, never))).toMatchObject({
      code: "REFUSED",
      message: matching(
        /missing\/web1\.xml: ENOENT.*; SyncDir does not exist on this host: mount it, or correct the attribute$/,
      ),
    });
    expect(await names()).toEqual([]);
  });

  it.each([
    ["a link that could lead out of SyncDir", (path: string) => symlink("/etc/hostname", path), /remove it$/],
    ["a folder", (path: string) => mkdir(path), /is no regular file: remove it$/],
    [
      "a pipe, without waiting for its writer",
      (path: string) => execFileSync("mkfifo", [path]),
      /remove it$/,
    ],
  ])("is refused over %s, and leaves that as it is", async (_what, make, words) => {
    const path = join(folder, "web1.xml");
    await make(path);
    const before = await stat(path, { bigint: true });

    expect(await errorOf(copy("<domain/>"))).toMatchObject({ code: "REFUSED", message: matching(words) });
    expect((await stat(path, { bigint: true })).ino).toBe(before.ino);
    expect(await names()).toEqual(["web1.xml"]);
  });

  it("is refused where SyncDir is a file", async () => {
    const file = join(folder, "file");
    await writeFile(file, "");

    expect(await errorOf(writeCopy(file, "web1", "x", 3, never))).toMatchObject({
      message: matching(/SyncDir is no directory: correct the attribute$/),
    });
  });
});
