import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { repositoryFile } from "../support/repository.ts";

const run = promisify(execFile);

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "end-process-"));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

/** How a process ends that runs a line of code and then ends itself with 3. */
async function endOf(code: string): Promise<readonly unknown[]> {
  const end = JSON.stringify(repositoryFile("dist/daemon/end-process.js"));
  const program = `import * as fs from "node:fs"; import { endProcess } from ${end}; ${code} await endProcess(3);`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], { stdio: "ignore" });
  const giveUp = setTimeout(() => child.kill("SIGTERM"), 15_000);
  await once(child, "exit");
  clearTimeout(giveUp);
  return [child.exitCode, child.signalCode];
}

describe("the end of a process", () => {
  it("has the exit code that was asked for", async () => {
    expect(await endOf("")).toEqual([3, null]);
    expect(await endOf(`void fs.promises.stat("/"); setInterval(() => undefined, 1000);`)).toEqual([3, null]);
  });

  it("comes by a signal where a thread does not come back", async () => {
    const pipe = join(folder, "pipe");
    await run("mkfifo", [pipe]);

    expect(await endOf(`fs.promises.open(${JSON.stringify(pipe)});`)).toEqual([null, "SIGKILL"]);
  });
});
