import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { copyFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { liveArguments } from "../../../src/kvm/emulator-facts.ts";
import { EmulatorScan } from "../../../src/kvm/emulator-scan.ts";
import { errorOf } from "../../support/error-of.ts";
import { until } from "../../support/lab/until.ts";

const children: ChildProcess[] = [];
const folders: string[] = [];

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

afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

/** A process whose program is called so, and whose command line says nothing. */
async function processNamed(name: string): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "scan-"));
  folders.push(folder);
  await copyFile("/bin/sleep", join(folder, name));
  const child = spawn(join(folder, name), ["600"], { stdio: "ignore" });
  children.push(child);
  const { pid } = child;
  if (pid === undefined) throw new Error("sleep cannot be run");
  await until("it is called so", async () => (await readFile(`/proc/${pid}/comm`, "latin1")) === `${name}\n`);
  return pid;
}

/** A scan in which looking into these processes never ends, as where their memory is locked. */
function scanBeside(...stuck: readonly number[]): EmulatorScan {
  return new EmulatorScan((pid) => (stuck.includes(pid) ? new Promise(() => {}) : liveArguments(pid)));
}

/** As a process that gets no processor time. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

describe("the scan for emulators, beside a process that cannot be looked into", () => {
  it.each(["qemu-stuck", "kvm"])(
    "proves nothing when that may be an emulator, as %s may, now and at the next walk",
    async (name) => {
      const scan = scanBeside(await processNamed(name));

      const looks = [await errorOf(scan.find({ name: "web1" })), await errorOf(scan.find({ name: "web1" }))];

      expect(looks).toMatchObject([{ code: "STILL_RUNNING" }, { code: "STILL_RUNNING" }]);
    },
  );

  it("takes none for one of those when it was this process that stood still", async () => {
    const uuid = randomUUID();
    const pid = await emulator("web1", uuid);
    const stuck = await processNamed("qemu-slow");
    const scan = new EmulatorScan(async (looked) => {
      await Promise.resolve(); // its time has begun
      if (looked === stuck) standStill(1500);
      return liveArguments(looked);
    });

    expect((await scan.find({ uuid })).map((found) => found.pid)).toEqual([pid]);
  });

  it.each(["backup-stuck", "vcskvmguestd", "kvmguestctl"])(
    "goes on when that is another program, as %s is",
    async (name) => {
      const uuid = randomUUID();
      const pid = await emulator("web1", uuid);
      const scan = scanBeside(await processNamed(name));

      expect((await scan.find({ uuid })).map((found) => found.pid)).toEqual([pid]);
    },
  );
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
