import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemdOf } from "../../../daemon/systemd.ts";
import { RecordingLog } from "../../support/fakes/recording-log.ts";
import { run } from "../../support/lab/run.ts";
import { repositoryFile } from "../../support/repository.ts";

let folder: string;
let log: RecordingLog;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "systemd-"));
  log = new RecordingLog();
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A file in place of the socket shows what was written. */
function openFile(): number {
  return openSync(join(folder, "told"), "w");
}

function said(): string {
  return readFileSync(join(folder, "told"), "utf8");
}

describe("systemd", () => {
  it("is told several lines in one message, none of which a status can add to", () => {
    const fd = openFile();

    systemdOf({ VCSKVMGUESTD_NOTIFY_FD: String(fd) }, log).tell("READY=1", "STATUS=lost: a\nWATCHDOG=1");
    closeSync(fd);

    expect(said()).toBe("READY=1\nSTATUS=lost: a WATCHDOG=1");
  });

  it("is told nothing where it did not ask", () => {
    const systemd = systemdOf({ WATCHDOG_USEC: "60000000" }, log);

    systemd.tell("READY=1");

    expect(systemd.watchdogMs).toBeUndefined();
    expect(log.entries).toEqual([]);
  });

  it("is told later what it could not be told, and the log has one line for it", () => {
    const fd = openFile();
    closeSync(fd);
    const systemd = systemdOf({ VCSKVMGUESTD_NOTIFY_FD: String(fd) }, log);

    systemd.tell("READY=1");
    systemd.tell("WATCHDOG=1");
    const again = openFile();
    systemd.tell("STATUS=2 resources");
    closeSync(again);

    expect(again).toBe(fd);
    expect(said()).toBe("READY=1WATCHDOG=1STATUS=2 resources");
    expect(log.entries.map(({ level, message }) => `${level}: ${message}`)).toEqual([
      "warn: systemd cannot be told of the service",
      "info: systemd is told of the service again",
    ]);
  });

  it.each([
    [{ WATCHDOG_USEC: "60000000" }, 60_000],
    [{ WATCHDOG_USEC: "60000000", WATCHDOG_PID: String(process.pid) }, 60_000],
    [{ WATCHDOG_USEC: "60000000", WATCHDOG_PID: "1" }, undefined],
    [{ WATCHDOG_USEC: "soon" }, undefined],
    [{}, undefined],
  ] as const)("has with %j the patience %s", (env, ms) => {
    expect(systemdOf({ ...env, VCSKVMGUESTD_NOTIFY_FD: "9" }, log).watchdogMs).toBe(ms);
  });
});

/** Says when it listens, and prints each message that comes, until an empty one. Numbers: AF_UNIX, SOCK_DGRAM. */
const RECEIVER = `
my $address = $ARGV[0] =~ s/^@/\\0/r;
socket(S, 1, 2, 0) && bind(S, pack("Sa*", 1, $address)) or die "$!";
$| = 1; print "listens\\n";
while (1) { recv(S, my $message, 4096, 0); last if $message eq "end"; print "$message\\n" }
`;

/** As Node does it: plain writes. */
const SENDER = `open F, ">&=", $ENV{VCSKVMGUESTD_NOTIFY_FD}; syswrite F, $_ for "READY=1", "WATCHDOG=1", "end"`;

describe("with-notify-socket", () => {
  const launcher = repositoryFile("systemd/with-notify-socket");

  it.each(["PATH", "@abstract"])(
    "leaves open a socket at %s on which each write is a message",
    async (kind) => {
      const address = kind === "PATH" ? join(folder, "notify") : `@${folder}`;
      const receiver = spawn("perl", ["-e", RECEIVER, address], { stdio: ["ignore", "pipe", "inherit"] });
      await once(receiver.stdout, "readable");
      const all = text(receiver.stdout);

      await run("env", [`NOTIFY_SOCKET=${address}`, "perl", launcher, "perl", "-e", SENDER]);

      expect(await all).toBe("listens\nREADY=1\nWATCHDOG=1\n");
    },
  );

  it("only becomes the program without systemd, and says so when there is none", async () => {
    const words = ["-u", "NOTIFY_SOCKET", "VCSKVMGUESTD_NOTIFY_FD=7", "perl", launcher];

    const { stdout } = await run("env", [...words, "sh", "-c", "echo $$ ${VCSKVMGUESTD_NOTIFY_FD-none}"]);

    expect(stdout).toMatch(/^\d+ none$/);
    await expect(run("env", [...words, "/no/such/program"])).rejects.toThrow(
      "ended with 127: cannot run /no/such/program: No such file or directory",
    );
  });
});
