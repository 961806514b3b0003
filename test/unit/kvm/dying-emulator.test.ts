import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { bootId } from "../../../src/boot-id.ts";
import { dyingEmulatorOf, endEmulators } from "../../../src/kvm/emulator.ts";
import { emulatorAt, stillLives } from "../../../src/kvm/emulator-facts.ts";
import { EmulatorScan } from "../../../src/kvm/emulator-scan.ts";
import type { EmulatorProcess } from "../../../src/platform.ts";
import { errorOf } from "../../support/error-of.ts";
import { CODE } from "../../support/fakes/fake-domain.ts";
import { type KvmHost, makeKvmHost } from "../../support/fakes/kvm-host.ts";
import { until } from "../../support/lab/until.ts";
import { matching } from "../../support/matching.ts";
import { type MemorylessEmulator, memorylessEmulator } from "../../support/trouble/memoryless-emulator.ts";

/** Source: asm/unistd_64.h and asm-generic/unistd.h, SYS_exit: ends the calling thread alone. */
const SYS_EXIT = process.arch === "x64" ? 60 : 93;

/** A process whose leading thread ends while another lives on, as after a SIGKILL with I/O that hangs. */
const LEADERLESS = `use threads; threads->create(sub { sleep 600 }); select(undef, undef, undef, 0.1); syscall(${SYS_EXIT}, 0);`;

let child: ChildProcess | undefined;
let emulator: MemorylessEmulator | undefined;

async function dyingEmulator(uuid: string): Promise<number> {
  child = spawn("perl", ["-e", LEADERLESS, "--", "-name", "guest=web1,debug-threads=on", "-uuid", uuid]);
  const pid = child.pid;
  if (pid === undefined) throw new Error("perl cannot be run");
  await until("the leading thread is gone", async () => {
    const stat = await readFile(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z");
  });
  return pid;
}

afterEach(async () => {
  child?.kill("SIGKILL");
  await emulator?.stop();
  child = undefined;
  emulator = undefined;
});

describe("an emulator whose leading thread is gone", () => {
  it("is found by its UUID as long as one of its threads lives", async () => {
    const uuid = randomUUID();
    const pid = await dyingEmulator(uuid);

    expect(await new EmulatorScan().find({ uuid })).toMatchObject([{ pid, uuid, isDying: true }]);
  });

  it("is the same process still, and gone only with its last thread", async () => {
    const uuid = randomUUID();
    const facts = await emulatorAt(await dyingEmulator(uuid));
    if (facts === undefined) throw new Error("the emulator is not seen");

    expect(await stillLives(facts)).toMatchObject({ uuid });
    await endEmulators([facts], 5000, new AbortController().signal);
    expect(await stillLives(facts)).toBeUndefined();
  });
});

describe("an emulator whose memory is gone and whose files cannot be closed", () => {
  it("is what was seen before, and does not prove that the guest runs", async () => {
    emulator = await memorylessEmulator("web1", randomUUID());
    const { pid, runDirectory } = emulator;
    const seen = await emulatorAt(pid);
    await emulator.kill();
    await rm(join(runDirectory, "web1.pid"));

    expect(await dyingEmulatorOf(runDirectory, "web1", seen)).toMatchObject({ pid, isDying: true });
    expect(await dyingEmulatorOf(runDirectory, "web1", undefined)).toBeUndefined();
  });

  it("is the one that libvirt's pid file names, when it was never seen", async () => {
    emulator = await memorylessEmulator("web1", randomUUID());
    const { pid, runDirectory } = emulator;
    expect(await dyingEmulatorOf(runDirectory, "web1", undefined)).toBeUndefined();
    await emulator.kill();

    expect(await dyingEmulatorOf(runDirectory, "web1", undefined)).toMatchObject({ pid, isDying: true });
    expect(await dyingEmulatorOf(runDirectory, "web2", undefined)).toBeUndefined();
  });
});

describe("an emulator that an earlier process saw, and whose memory and pid file are gone", () => {
  const never = new AbortController().signal;
  let host: KvmHost | undefined;

  afterEach(async () => {
    await host?.stop();
    host = undefined;
  });

  /** What the next process of the agent is told; then it looks. */
  async function recalled(changes: Partial<EmulatorProcess> = {}): Promise<void> {
    const uuid = randomUUID();
    emulator = await memorylessEmulator("web1", uuid);
    const seen = await emulatorAt(emulator.pid);
    if (seen === undefined) throw new Error("the emulator is not seen");
    await emulator.kill();
    // not before: its clock is not the real one
    host = await makeKvmHost();
    host.libvirtd.define("web1", CODE.offCrashed, uuid);
    const { pid, startTicks } = seen;
    host.platform.recall("web1", { uuid, emulator: { pid, startTicks, bootId: bootId(), ...changes } });
    await host.clock.until(host.platform.proveStopped("web1", never));
  }

  it("is not proved gone", async () => {
    expect(await errorOf(recalled())).toMatchObject({
      code: "STILL_RUNNING",
      message: matching(new RegExp(`${emulator?.pid}`)),
    });
  });

  it.each([{ startTicks: "1" }, { bootId: "another boot" }])(
    "is another process when it was started at another time, or in another boot: %j",
    async (changes) => {
      await expect(recalled(changes)).resolves.toBeUndefined();
    },
  );
});
