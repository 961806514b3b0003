import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { afterEach, describe, expect, it } from "vitest";
import { endEmulators } from "../../../src/kvm/emulator.ts";
import { emulatorAt, stillLives } from "../../../src/kvm/emulator-facts.ts";
import { EmulatorScan } from "../../../src/kvm/emulator-scan.ts";
import { until } from "../../support/lab/until.ts";

/** Source: asm/unistd_64.h and asm-generic/unistd.h, SYS_exit: ends the calling thread alone. */
const SYS_EXIT = process.arch === "x64" ? 60 : 93;

/** A process whose leading thread ends while another lives on, as after a SIGKILL with I/O that hangs. */
const CODE = `use threads; threads->create(sub { sleep 600 }); select(undef, undef, undef, 0.1); syscall(${SYS_EXIT}, 0);`;

let child: ChildProcess;

async function dyingEmulator(uuid: string): Promise<number> {
  child = spawn("perl", ["-e", CODE, "--", "-name", "guest=web1,debug-threads=on", "-uuid", uuid]);
  const pid = child.pid;
  if (pid === undefined) throw new Error("perl cannot be run");
  await until("the leading thread is gone", async () => {
    const stat = await readFile(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z");
  });
  return pid;
}

afterEach(() => {
  child.kill("SIGKILL");
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
