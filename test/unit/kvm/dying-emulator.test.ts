import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { dyingEmulatorOf, endEmulators } from "../../../src/kvm/emulator.ts";
import { emulatorAt, stillLives } from "../../../src/kvm/emulator-facts.ts";
import { EmulatorScan } from "../../../src/kvm/emulator-scan.ts";
import { until } from "../../support/lab/until.ts";

/** Source: asm/unistd_64.h and asm-generic/unistd.h, SYS_exit: ends the calling thread alone. */
const SYS_EXIT = process.arch === "x64" ? 60 : 93;

/** A process whose leading thread ends while another lives on, as after a SIGKILL with I/O that hangs. */
const CODE = `use threads; threads->create(sub { sleep 600 }); select(undef, undef, undef, 0.1); syscall(${SYS_EXIT}, 0);`;

/** Source: the same, SYS_unshare; sched.h, CLONE_NEWPID. */
const SYS_UNSHARE = process.arch === "x64" ? 272 : 97;
const CLONE_NEWPID = 0x20000000;

/**
 * A process that SIGKILL ends but for its last step: without memory, thus without a command line, as one whose files
 * cannot be closed. The first of a pid namespace waits for the burial of the second, which their parent withholds.
 */
const NAMELESS = `
  syscall(${SYS_UNSHARE}, ${CLONE_NEWPID}) == 0 or die;
  my @words = split /\n/, delete $ENV{WORDS};
  my $first = fork;
  if ($first == 0) { exec @words }
  if (fork == 0) { sleep 600 }
  $| = 1;
  print "$first\n";
  sleep 600;`;

let child: ChildProcess;
let folder: string | undefined;

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

/** A live emulator that is named by libvirt's pid file; once killed, it has no command line and is no zombie. */
async function undyingEmulator(
  uuid: string,
): Promise<{ readonly pid: number; readonly runDirectory: string }> {
  const runDirectory = await mkdtemp(join(tmpdir(), "vkd-"));
  folder = runDirectory;
  const program = join(runDirectory, "qemu-system-x86_64"); // the kernel calls the process by its file
  await copyFile("/usr/bin/perl", program);
  const words = [program, "-e", "sleep 600", "--", "-name", "guest=web1", "-uuid", uuid];
  child = spawn("perl", ["-e", NAMELESS], {
    env: { ...process.env, WORDS: words.join("\n") },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const said = await new Promise((resolve) => child.stdout?.once("data", resolve));
  const pid = Number(String(said));
  await until("it runs", async () => (await emulatorAt(pid)) !== undefined);
  await writeFile(join(runDirectory, "web1.pid"), `${pid}\n`);
  return { pid, runDirectory };
}

async function killed(pid: number): Promise<void> {
  process.kill(pid, "SIGKILL");
  await until("its memory is gone", async () => (await readFile(`/proc/${pid}/cmdline`)).length === 0);
}

afterEach(async () => {
  child.kill("SIGKILL");
  if (folder !== undefined) await rm(folder, { recursive: true });
  folder = undefined;
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
    const { pid, runDirectory } = await undyingEmulator(randomUUID());
    const seen = await emulatorAt(pid);
    await killed(pid);
    await rm(join(runDirectory, "web1.pid"));

    expect(await dyingEmulatorOf(runDirectory, "web1", seen)).toMatchObject({ pid, isDying: true });
    expect(await dyingEmulatorOf(runDirectory, "web1", undefined)).toBeUndefined();
  });

  it("is the one that libvirt's pid file names, when it was never seen", async () => {
    const { pid, runDirectory } = await undyingEmulator(randomUUID());
    expect(await dyingEmulatorOf(runDirectory, "web1", undefined)).toBeUndefined();
    await killed(pid);

    expect(await dyingEmulatorOf(runDirectory, "web1", undefined)).toMatchObject({ pid, isDying: true });
    expect(await dyingEmulatorOf(runDirectory, "web2", undefined)).toBeUndefined();
  });
});
