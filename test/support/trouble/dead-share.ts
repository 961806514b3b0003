import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../lab/run.ts";

/** Source: asm/unistd_64.h and asm-generic/unistd.h, SYS_mount. */
const SYS_MOUNT = process.arch === "x64" ? 165 : 40;

/** A file system that answers the kernel's greeting and nothing after. Source: linux/fuse.h, fuse_init_out. */
const DEAD = `
  open my $fuse, "+<:raw", "/dev/fuse" or die "/dev/fuse: $!";
  my $options = "fd=" . fileno($fuse) . ",rootmode=40000,user_id=0,group_id=0,allow_other";
  my ($source, $kind) = ("dead", "fuse.dead"); # variables: syscall may write to its arguments
  syscall(${SYS_MOUNT}, $source, $ARGV[0], $kind, 0, $options) == 0 or die "mount: $!";
  sysread $fuse, my $greeting, 1 << 20;
  my ($unique) = unpack "x8Q", $greeting;
  syswrite $fuse, pack("LlQ", 80, 0, $unique) . pack("LLLLSSLLSSLx28", 7, 31, 65536, 0, 16, 12, 131072, 1, 32, 0, 0);
  syswrite STDOUT, "dead";
  sleep 600;`;

/** A mounted folder below which every look hangs in the kernel, as a share whose server is gone. */
export interface DeadShare {
  readonly folder: string;
  /** Lets all who hang there go on with an error. */
  stop(): Promise<void>;
}

/**
 * Needs root and /dev/fuse.
 *
 * @param over an existing folder that dies and, at the end, is as it was; without it the share gets a folder of its own
 */
export async function deadShare(over?: string): Promise<DeadShare> {
  const folder = over ?? (await mkdtemp(join(tmpdir(), "vkdead-")));
  const server = spawn("perl", ["-e", DEAD, folder], { stdio: ["ignore", "pipe", "inherit"] });
  process.once("exit", () => server.kill("SIGKILL"));
  await Promise.race([
    once(server.stdout, "data"),
    once(server, "exit").then(([code]) => Promise.reject(new Error(`no dead share: ${String(code)}`))),
  ]);
  return {
    folder,
    async stop() {
      const ended = once(server, "exit");
      server.kill("SIGKILL");
      await ended;
      await run("umount", ["-l", folder]);
      if (over === undefined) await rmdir(folder);
    },
  };
}
