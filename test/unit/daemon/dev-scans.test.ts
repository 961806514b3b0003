import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DevScans } from "../../../daemon/dev-scans.ts";
import { hostDebtStore } from "../../../daemon/host-debt-store.ts";
import { HostDebts } from "../../../daemon/host-debts.ts";
import { AgentError } from "../../../src/agent-error.ts";
import type { DevScanTask } from "../../../src/dev-scan.ts";
import { errorOf } from "../../support/error-of.ts";
import { RecordingLog } from "../../support/fakes/recording-log.ts";
import { rhevAttributes } from "../../support/scan-host.ts";

const never = new AbortController().signal;
const WEST1 = { id: "id-west1", name: "west1", isOut: false };

/** One scan that a test ends. */
interface Scan {
  readonly task: DevScanTask;
  readonly end: (words: string) => Promise<void>;
  readonly fail: (error: Error) => Promise<void>;
}

let folder: string;
let log: RecordingLog;
let started: Scan[];
let scans: DevScans;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "scans-"));
  log = new RecordingLog();
  started = [];
  const scanner = {
    scan: (task: DevScanTask) =>
      new Promise<string>((resolve, reject) => {
        const end = (words: string) => (resolve(words), settled());
        const fail = (error: Error) => (reject(error), settled());
        started.push({ task, end, fail });
      }),
    restore: () => Promise.reject(new Error("nobody restores here")),
  };
  const debts = new HostDebts({ scanner, store: hostDebtStore(folder, log), log });
  scans = new DevScans({ scanner, debts, log, waitMs: 5 }, never);
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** What followed at once has happened. */
function settled(): Promise<void> {
  return new Promise((next) => setImmediate(next));
}

function ask(args: readonly string[] = [], resource = "web1_res", cluster = "EAST") {
  return scans.ask({ resource, attributes: rhevAttributes({ cluster }), args }, never);
}

function scan(at: number): Scan {
  const found = started[at];
  if (found === undefined) throw new Error(`no scan ${at} was started`);
  return found;
}

describe("the action DevScan", () => {
  it("starts a scan, shows its progress, then its outcome once, then starts the next", async () => {
    expect(await ask()).toEqual({
      exitCode: 0,
      output: "DevScan running (devices): begins; call again to see how it goes on",
    });
    scan(0).task.report("SPM", "waits: the SPM is being elected");
    expect(await ask()).toEqual({
      exitCode: 0,
      output: "DevScan running (SPM): waits: the SPM is being elected; call again to see how it goes on",
    });
    await scan(0).end("the SPM is host east1");

    expect(await ask()).toEqual({ exitCode: 0, output: "DevScan done: the SPM is host east1" });
    expect(started).toHaveLength(1);
    await ask();
    expect(started).toHaveLength(2);
  });

  it("fails with the phase and the words of what went wrong, and starts anew on `start`", async () => {
    await ask(["start"]);
    await scan(0).fail(new AgentError("REFUSED", "the device command make-rw ended with 3: no path"));

    const failed = {
      exitCode: 1,
      output: "DevScan failed (devices): the device command make-rw ended with 3: no path",
    };
    expect(await ask(["status"])).toEqual(failed);
    expect(await ask(["status"])).toEqual(failed);
    await ask(["start"]);
    expect(started).toHaveLength(2);
    expect(log.count("scan failed")).toBe(1);
  });

  it("never starts one on `status`", async () => {
    expect(await ask(["status"])).toEqual({
      exitCode: 0,
      output: "DevScan none: no scan has run since the daemon started",
    });
    expect(started).toEqual([]);
  });

  it("runs one at a time for a cluster, whichever resource asks, and others beside it", async () => {
    await ask(["start"]);
    await ask(["start"], "web2_res");
    await ask(["confirm-dead=west1"], "web3_res");
    expect(started).toHaveLength(1);

    await ask(["start"], "web4_res", "NORTH");
    expect(started).toHaveLength(2);
  });

  it("hands an operator's confirmation over, and tells which hosts are being activated again", async () => {
    await ask(["confirm-dead=west1"]);
    const { task, end } = scan(0);
    await task.keep([WEST1]);
    await end("the SPM is host east1");

    expect(task.confirmedDead).toBe("west1");
    expect((await ask(["status"])).output).toBe(
      "DevScan done: the SPM is host east1; being activated again: west1",
    );
    await ask(["start"]);
    expect(scan(1).task).toMatchObject({ confirmedDead: undefined, owed: [WEST1] });
  });

  it.each([
    [["begin"]],
    [["confirm-dead="]],
    [["start", "status"]],
    [["confirm-dead", "west1"]],
    [["Start"]],
  ])("refuses the arguments %j", async (args) => {
    expect(await errorOf(ask(args))).toMatchObject({ code: "BAD_ATTRIBUTE" });
    expect(started).toEqual([]);
  });

  it("wants to know where RHEV-M is", async () => {
    const attributes = rhevAttributes({ cluster: undefined });

    expect(await errorOf(scans.ask({ resource: "web1_res", attributes, args: [] }, never))).toMatchObject({
      code: "BAD_ATTRIBUTE",
      message: "resource web1_res: RHEVMInfo: DevScan needs its URL, User and Cluster",
    });
  });

  it("is logged with its stack when it fails in a way nobody foresaw", async () => {
    await ask(["start"]);
    await scan(0).fail(new TypeError("a defect"));

    expect((await ask(["status"])).exitCode).toBe(1);
    expect(log.messages("error")).toEqual(["scan failed in a way nobody foresaw"]);
  });
});
