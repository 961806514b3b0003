import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, it } from "vitest";
import { run } from "../support/lab/run.ts";

const PROGRAM = "dist/test/support/rhevm-simulator-main.js";

it("runs alone, says where it is in one line of JSON, and ends when it is told", async () => {
  const folder = await mkdtemp(join(tmpdir(), "alone-"));
  const caFile = join(folder, "ca.pem");
  const child = spawn(process.execPath, [PROGRAM, "--vms", "2", "--password", "word", "--ca-out", caFile]);
  const ended = once(child, "exit");
  try {
    const lines: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line);
      break;
    }
    const said: unknown = JSON.parse(lines[0] ?? "");
    expect(said).toMatchObject({
      cluster: "Default",
      hosts: ["host1", "host2"],
      vms: ["vm1", "vm2"],
      caFile,
    });
    const port = /"port":(\d+)/.exec(lines[0] ?? "")?.[1] ?? "";

    expect(await statusOf(port, await readFile(caFile, "utf8"))).toBe(200);
  } finally {
    child.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);
    await rm(folder, { recursive: true });
  }
});

it("says how it is used when it is asked for what there is not", async () => {
  await expect(run(process.execPath, [PROGRAM, "--release", "5.0"])).rejects.toThrow(
    /no such release: 5.0\nusage: /,
  );
});

function statusOf(port: string, ca: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const to = { host: "localhost", port, path: "/ovirt-engine/api/vms", auth: "admin@internal:word", ca };
    get(to, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on("error", reject);
  });
}
