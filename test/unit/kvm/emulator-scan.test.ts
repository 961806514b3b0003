import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { afterEach, describe, expect, it } from "vitest";
import { EmulatorScan } from "../../../src/kvm/emulator-scan.ts";
import { until } from "../../support/lab/until.ts";

const children: ChildProcess[] = [];

/** A process with an emulator's command line. */
async function emulator(guest: string, uuid: string): Promise<number> {
  const words = ["-c", "read line", "qemu", "-name", `guest=${guest},debug-threads=on`, "-uuid", uuid];
  const child = spawn("sh", words, { stdio: ["pipe", "ignore", "ignore"] });
  children.push(child);
  const { pid } = child;
  if (pid === undefined) throw new Error("sh cannot be run");
  await until("it has its command line", async () =>
    (await readFile(`/proc/${pid}/cmdline`, "latin1")).includes(uuid),
  );
  return pid;
}

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

describe("the scan for emulators", () => {
  it("answers each of many who ask at once with its own guest's emulators", async () => {
    const [one, other, nobody] = [randomUUID(), randomUUID(), randomUUID()];
    const pids = [await emulator("web1", one), await emulator("web2", other)];
    const scan = new EmulatorScan();

    const found = await Promise.all([one, other, nobody].map((uuid) => scan.find({ uuid })));

    expect(found.map((emulators) => emulators.map(({ pid }) => pid))).toEqual([[pids[0]], [pids[1]], []]);
  });

  it("looks anew for those who ask during a walk, so that what came up before they asked is found", async () => {
    const uuid = randomUUID();
    const scan = new EmulatorScan();
    const earlier = scan.find({ uuid: randomUUID() });
    await new Promise((resolve) => setImmediate(resolve)); // the walk is under way

    const name = `web-${uuid}`; // the machine may run other guests
    const pid = await emulator(name, uuid);
    const during = [scan.find({ uuid }), scan.find({ name })];

    expect(await Promise.all(during)).toMatchObject([[{ pid }], [{ pid }]]);
    expect(await earlier).toEqual([]);
  });

  it("serves again after it has answered", async () => {
    const uuid = randomUUID();
    const scan = new EmulatorScan();
    expect(await scan.find({ uuid })).toEqual([]);

    const pid = await emulator("web1", uuid);

    expect(await scan.find({ uuid })).toMatchObject([{ pid, uuid }]);
  });
});
