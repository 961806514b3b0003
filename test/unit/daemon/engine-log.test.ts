import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { EngineLog, type EngineLogScope } from "../../../daemon/engine-log.ts";
import { createLogger } from "../../../daemon/logger.ts";
import { RecordingLog } from "../../support/fakes/recording-log.ts";

const WAIT = { timeout: 20_000 };

let folder: string;
let library: string;
let scope: EngineLogScope;
let engineLog: EngineLog;
let report: RecordingLog;

/** The daemon's log, all of whose lines are offered. */
function logger() {
  return createLogger("debug", { write: (line: string) => engineLog.offer(line) });
}

/** The engine's library as a file of one line for each call. */
async function install(log = 'printf "%s|%s|%s|%s|%s\\n" "$said" "$1" "$3" "$2" "$0"'): Promise<void> {
  await writeFile(
    library,
    `VCSAG_SET_ENVS() { said="$1 $2"; }\nVCSAG_LOG_MSG() { ${log} >>"${folder}/said"; }\n`,
  );
}

/** How often the library has been looked for since; before it is there, nothing else asks for its path. */
function looksCounted(): () => number {
  let looks = 0;
  engineLog = new EngineLog({
    library: () => {
      looks += 1;
      return library;
    },
    scope: () => scope,
  });
  return () => looks;
}

async function said(): Promise<readonly string[]> {
  const text = await readFile(join(folder, "said"), "utf8").catch(() => "");
  return text.split("\n").filter((line) => line !== "");
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "engine-log-"));
  library = join(folder, "ag_i18n_inc.sh");
  scope = "states";
  report = new RecordingLog();
  engineLog = new EngineLog({ library: () => library, scope: () => scope });
  engineLog.reportTo(report);
});

afterEach(async () => {
  vi.useRealTimers();
  await engineLog.end(0);
  await rm(folder, { recursive: true, force: true });
});

describe("the engine's log", () => {
  it("gets warnings, errors and changes of state, with resource, severity, id and words", async () => {
    await install();
    const log = logger().child({ resource: "vm1", guest: "web1" });
    log.info({ state: "OFFLINE", from: "ONLINE(100)" }, "engine is told a new state");
    log.warn({ err: new Error("no way") }, "entry point failed");
    log.info({}, "entry point ended");
    log.debug({}, "guest started");
    logger().error({}, "libvirt cannot be reached");
    await engineLog.end(20_000);

    const program = "/opt/vcs-kvmguest/bin/KVMGuest/vcskvmguestd";
    expect(await said()).toEqual([
      `vm1 20871|N|1203|engine is told a new state: guest=web1 state=OFFLINE from="ONLINE(100)"|${program}`,
      `vm1 20871|W|1305|entry point failed: guest=web1 err="no way"|${program}`,
      `- 20871|E|1612|libvirt cannot be reached|${program}`,
    ]);
  });

  it("gets no changes of state, or nothing at all, as configured", async () => {
    await install();
    scope = "warnings";
    logger().info({}, "guest started");
    logger().warn({}, "entry point failed");
    scope = "off";
    logger().error({}, "libvirt cannot be reached");
    await engineLog.end(20_000);

    expect(await said()).toHaveLength(1);
  });

  it("is left alone where the engine's library is missing, and then holds up no end of the daemon", async () => {
    logger().error({}, "libvirt cannot be reached");
    const since = performance.now();
    await engineLog.end(40_000);

    expect(performance.now() - since).toBeLessThan(20_000);
    expect(report.entries).toEqual([]);
  });

  it("gets the lines of the last minute when its library comes within it, which is looked for once", async () => {
    const looks = looksCounted();
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    logger().warn({}, "entry point failed");
    await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1), WAIT);
    vi.advanceTimersByTime(30_000);
    for (let number = 0; number < 20; number += 1) logger().warn({ number }, "request refused");
    expect(looks()).toBe(1);

    await install();
    vi.advanceTimersByTime(30_000);
    vi.useRealTimers();
    await engineLog.end(20_000);

    const words = (await said()).map((line) => line.split("|")[3]);
    expect(words).toHaveLength(21);
    expect(words[0]).toBe("entry point failed");
    expect(words[20]).toBe("request refused: number=19");
  });

  it("gets a line that comes again after it was dropped for want of the library", async () => {
    const looks = looksCounted();
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    logger().warn({}, "entry point failed");
    await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1), WAIT);
    vi.advanceTimersByTime(30_000);
    logger().error({}, "libvirt cannot be reached");
    vi.advanceTimersByTime(30_000);
    await vi.waitFor(() => {
      logger().warn({}, "request refused");
      expect(looks()).toBe(3);
    }, WAIT);

    await install();
    logger().error({}, "libvirt cannot be reached");
    await engineLog.end(20_000);

    const words = (await said()).map((line) => line.split("|")[3]);
    expect(words).toEqual(["request refused", "libvirt cannot be reached"]);
  });

  it("gets the same words once a minute, and then how often they were left out", async () => {
    await install();
    vi.useFakeTimers({ toFake: ["performance"] });
    for (let times = 0; times < 50; times += 1) logger().warn({}, "entry point failed");
    vi.advanceTimersByTime(60_001);
    logger().warn({}, "entry point failed");
    await engineLog.end(20_000);

    const lines = (await said()).map((line) => line.split("|")[3]);
    expect(lines).toEqual([
      "entry point failed",
      "a line of message 1305 was left out 49 times within a minute, it said the same",
      "entry point failed",
    ]);
  });

  it("takes a bounded number of lines, and says how many did not fit", async () => {
    await install();
    for (let number = 0; number < 300; number += 1) logger().warn({ number }, "entry point failed");
    await engineLog.end(60_000);

    const lines = await said();
    expect(lines.length).toBeLessThan(260);
    expect(lines.some((line) => /\|1299\|\d+ lines could not be written here/.test(line))).toBe(true);
  });

  it("is not waited for when the library fails; that is said once", async () => {
    await install("false");
    logger().warn({}, "entry point failed");
    await vi.waitFor(() => expect(report.entries).toHaveLength(1), WAIT);
    logger().error({}, "libvirt cannot be reached");

    expect(report.entries).toMatchObject([{ level: "warn", message: "engine's log cannot be written" }]);
    await engineLog.end(0);
  });

  it("kills a library that hangs, with what it started, when the daemon ends", async () => {
    await install("sleep 87.25");
    logger().warn({}, "entry point failed");
    const since = performance.now();
    await engineLog.end(100);

    expect(performance.now() - since).toBeLessThan(60_000);
    expect(report.entries).toEqual([]);
  });

  it("gets nothing but printable ASCII without signs of parameters, and not too much of it", async () => {
    await install();
    logger().warn({ why: `100%s \u001b[2J $(id) ${"ä".repeat(2000)}` }, "entry point failed");
    await engineLog.end(20_000);

    const [line = ""] = await said();
    expect(line).toMatch(/^[ -~]+$/);
    expect(line).not.toContain("%");
    expect(line).toContain("$(id)");
    expect(line.length).toBeLessThan(1100);
  });
});
