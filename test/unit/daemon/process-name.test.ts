import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { nameProcess } from "../../../daemon/process-name.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "name-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe("nameProcess", () => {
  it("writes the daemon's name, which the kernel takes whole", async () => {
    const file = join(folder, "comm");
    nameProcess(file);

    const name = await readFile(file, "utf8");
    expect(name).toBe("vcskvmguestd");
    const script = `printf %s ${name} >/proc/$$/comm && cat /proc/$$/comm`;
    expect(spawnSync("sh", ["-c", script], { encoding: "utf8" }).stdout).toBe("vcskvmguestd\n");
  });

  it("does no harm where that fails", () => {
    expect(() => nameProcess(join(folder, "none", "comm"))).not.toThrow();
  });
});
