import { spawn } from "node:child_process";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../lab/until.ts";

/** Source: asm/unistd_64.h and asm-generic/unistd.h, SYS_unshare; sched.h, CLONE_NEWPID. */
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

/** An emulator that shows whose it is until it is killed. */
export interface MemorylessEmulator {
  readonly pid: number;
  /** With libvirt's pid file of it. */
  readonly runDirectory: string;
  /** Kills it: from then on it has no command line, and is no zombie. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts one, which runs nothing. */
export async function memorylessEmulator(guest: string, uuid: string): Promise<MemorylessEmulator> {
  const runDirectory = await mkdtemp(join(tmpdir(), "vkd-"));
  const program = join(runDirectory, "qemu-system-x86_64"); // the kernel calls the process by its file
  await copyFile("/usr/bin/perl", program);
  const words = [program, "-e", "sleep 600", "--", "-name", `guest=${guest}`, "-uuid", uuid];
  const child = spawn("perl", ["-e", NAMELESS], {
    env: { ...process.env, WORDS: words.join("\n") },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const said = await new Promise((resolve) => child.stdout.once("data", resolve));
  const pid = Number(String(said));
  const arguments_ = () => readFile(`/proc/${pid}/cmdline`, "latin1");
  await until("it runs", async () => (await arguments_()).includes(uuid));
  await writeFile(join(runDirectory, `${guest}.pid`), `${pid}\n`);
  return {
    pid,
    runDirectory,
    async kill() {
      process.kill(pid, "SIGKILL");
      await until("its memory is gone", async () => (await arguments_()).length === 0);
    },
    async stop() {
      child.kill("SIGKILL");
      await rm(runDirectory, { recursive: true, force: true });
    },
  };
}
