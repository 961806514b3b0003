import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { until } from "../lab/until.ts";

/** Whom an emulator claims to run, as libvirt tells it on its command line. */
export interface EmulatorClaim {
  readonly guest: string;
  readonly uuid: string;
}

/** A process that looks like an emulator in /proc and runs nothing. */
export interface FakeEmulator {
  /** The pid of the process with the emulator's command line. */
  readonly pid: number;
  /** Ends it, and whoever brings it back. */
  stop(): Promise<void>;
}

/** Deaf to SIGTERM. */
const STUBBORN = "trap '' TERM; while :; do sleep 0.1; done";

function claimWords({ guest, uuid }: EmulatorClaim): string[] {
  return ["-name", `guest=${guest},debug-threads=on`, "-uuid", uuid, "-S"];
}

/** An emulator that ends at SIGKILL only. */
export async function stubbornEmulator(claim: EmulatorClaim): Promise<FakeEmulator> {
  return fakeOf(spawn("sh", ["-c", STUBBORN, "qemu", ...claimWords(claim)], { stdio: "ignore" }));
}

/**
 * An emulator in one lasting uninterruptible sleep (state D), as in a read from dead storage: it has made a child by
 * vfork(2), and the kernel has it wait for that child. Unlike there a SIGKILL ends it. x86_64 only, by the call's number.
 */
export async function sleepingEmulator(claim: EmulatorClaim): Promise<FakeEmulator> {
  const parent = spawn("perl", ["-e", "syscall(58) or sleep 600", "--", ...claimWords(claim)], {
    stdio: "ignore",
  });
  const { pid } = await fakeOf(parent);
  const child = await until("it has a child", () => childOf(pid));
  await until("it sleeps", async () => (await processState(pid)) === "D");
  return {
    pid,
    async stop() {
      await ended(parent);
      process.kill(child, "SIGKILL");
    },
  };
}

/** An emulator that never goes: all the time there comes another one. Stands for one that no signal ends. */
export async function undyingEmulator(claim: EmulatorClaim): Promise<FakeEmulator> {
  const keeper = `
    my %alive;
    $SIG{TERM} = sub { kill 'KILL', keys %alive; exit 0 };
    $SIG{CHLD} = 'IGNORE';
    my @words = split /\n/, delete $ENV{WORDS};
    for (1 .. 100) {
      my $pid = fork;
      if ($pid == 0) { $SIG{$_} = 'DEFAULT' for qw(TERM CHLD); exec @words }
      $alive{$pid} = 1;
      select undef, undef, undef, 0.2;
    }
    sleep 600;`;
  // not on its own command line, which would make it an emulator too
  const WORDS = ["sh", "-c", STUBBORN, "qemu", ...claimWords(claim)].join("\n");
  return fakeOf(spawn("perl", ["-e", keeper], { stdio: "ignore", env: { ...process.env, WORDS } }), "kept");
}

/** An emulator that is dead and unburied once it is killed: its parent never looks after it. */
export async function unburiedEmulator(
  claim: EmulatorClaim,
): Promise<FakeEmulator & { kill(): Promise<void> }> {
  const parent = spawn(
    "sh",
    ["-c", `sh -c "$0" "$@" & exec sleep 600`, STUBBORN, "qemu", ...claimWords(claim)],
    {
      stdio: "ignore",
    },
  );
  const pid = await until("the emulator's process", () => childOf(parent.pid ?? 0));
  return {
    pid,
    async kill() {
      process.kill(pid, "SIGKILL");
      await until("it is a zombie", async () => (await processState(pid)) === "Z");
    },
    stop: () => ended(parent),
  };
}

/** Field 3 of /proc/pid/stat: Z is a zombie, T is stopped; nothing when there is no such process. */
export async function processState(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => "");
  return stat === "" ? undefined : stat.slice(stat.lastIndexOf(")") + 2).split(" ")[0];
}

async function fakeOf(child: ChildProcess, which: "itself" | "kept" = "itself"): Promise<FakeEmulator> {
  const { pid } = child;
  if (pid === undefined) throw new Error("the fake emulator could not be started");
  process.once("exit", () => child.kill("SIGKILL"));
  const shown = await until("the fake emulator shows its command line", () =>
    which === "itself" ? hasClaim(pid).then((has) => (has ? pid : undefined)) : childOf(pid),
  );
  return { pid: shown, stop: () => ended(child, which === "itself" ? "SIGKILL" : "SIGTERM") };
}

async function childOf(parent: number): Promise<number | undefined> {
  const children = await readFile(`/proc/${parent}/task/${parent}/children`, "latin1");
  for (const word of children.trim().split(" ")) {
    const pid = Number(word);
    if (pid > 0 && (await hasClaim(pid))) return pid;
  }
  return undefined;
}

async function hasClaim(pid: number): Promise<boolean> {
  const words = (await readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => "")).split("\0");
  return (words[0] === "sh" || words[0] === "perl") && words.includes("-uuid");
}

async function ended(child: ChildProcess, signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill(signal);
  await exit;
}
