import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, it } from "vitest";
import { until } from "../support/lab/until.ts";
import { repositoryFile } from "../support/repository.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "logs-"));
  await mkdir(join(folder, "run"), { mode: 0o700 });
  await mkdir(join(folder, "bin"));
  await writeFile(
    join(folder, "config.yaml"),
    `socket: ${folder}/run/agent.sock
stateDirectory: ${folder}/state
libvirt: { sockets: [${folder}/no-libvirt] }
engine: { hares: ${folder}/bin/hares, system: node1 }
`,
  );
  // the two functions of the engine's library that scripts use
  await writeFile(
    join(folder, "bin/ag_i18n_inc.sh"),
    `VCSAG_SET_ENVS() { said="$1 $2"; }\nVCSAG_LOG_MSG() { echo "$said $1 $3 $2" >>${folder}/engine.log; }\n`,
  );
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function engineLog(): Promise<string> {
  return readFile(join(folder, "engine.log"), "utf8").catch(() => "");
}

it("tells a person in one line each, and the engine's log what its operator must see", async () => {
  const daemon = spawn(
    process.execPath,
    [repositoryFile("dist/daemon/main.js"), "--config", join(folder, "config.yaml"), "--log-format", "text"],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  const said = text(daemon.stdout);
  await until("the engine's log", async () => (await engineLog()).includes("libvirt cannot be reached"));
  daemon.kill("SIGTERM");
  await once(daemon, "exit");

  const lines = (await said).trimEnd().split("\n");
  for (const line of lines) expect(line).toMatch(/^\d{4}-\d\d-\d\d [\d:.]+Z (?:INFO |WARN |ERROR) [a-zR]/);
  expect(lines.join("\n")).toMatch(/ERROR libvirt cannot be reached {2}err="opening the watch connection/);
  expect(lines.join("\n")).not.toContain("\u001b");
  const engineLines = (await engineLog()).trimEnd().split("\n");
  expect(engineLines).toContainEqual(expect.stringMatching(/^- 20871 N 1200 daemon serves: /));
  expect(engineLines).toContainEqual(expect.stringMatching(/^- 20871 E 1612 libvirt cannot be reached: /));
  // also the last line, for which the end of the daemon waits
  expect(engineLines).toContainEqual("- 20871 N 1201 daemon stops, guests are left as they are");
});
