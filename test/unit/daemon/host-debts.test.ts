import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { hostDebtStore } from "../../../daemon/host-debt-store.ts";
import { HostDebts } from "../../../daemon/host-debts.ts";
import { AgentError } from "../../../src/agent-error.ts";
import type { OwedHost, Restored } from "../../../src/dev-scan.ts";
import { errorOf } from "../../support/error-of.ts";
import { RecordingLog } from "../../support/fakes/recording-log.ts";

const PLACE = { url: "https://rhevm.example.com", user: "admin@internal", cluster: "EAST" };
const OTHER = { ...PLACE, cluster: "NORTH" };

let folder: string;
let log: RecordingLog;
let ending: AbortController;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "debts-"));
  log = new RecordingLog();
  ending = new AbortController();
});

afterEach(async () => {
  ending.abort();
  await rm(folder, { recursive: true, force: true });
});

function owed(name: string, isOut = false): OwedHost {
  return { id: `id-${name}`, name, isOut };
}

/** Debts of a process, and what its engine does when it is asked to restore: nothing is left to do unless it says so. */
function process(restore: (hosts: readonly OwedHost[]) => Promise<Restored> = () => done([])) {
  const restored: string[] = [];
  const scanner = {
    restore: ({ hosts }: { readonly hosts: readonly OwedHost[] }) => {
      restored.push(hosts.map(({ name, isOut }) => `${name}${isOut ? " out" : ""}`).join(" "));
      return restore(hosts);
    },
  };
  const debts = new HostDebts({ scanner, store: hostDebtStore(folder, log), log, attemptMs: 5 });
  return { debts, restored };
}

function done(hosts: readonly OwedHost[], refusals: readonly string[] = []): Promise<Restored> {
  return Promise.resolve({ owed: hosts, refusals });
}

async function files(): Promise<readonly string[]> {
  return (await readdir(join(folder, "host-debts"))).filter((name) => name.endsWith(".json"));
}

describe("HostDebts", () => {
  it("has on disk what is owed before keep resolves, and nothing once nothing is", async () => {
    const { debts } = process();
    await debts.keep(PLACE, [owed("w1"), owed("w2")]);
    const [file = ""] = await files();

    expect(JSON.parse(await readFile(join(folder, "host-debts", file), "utf8"))).toMatchObject({
      version: 1,
      ...PLACE,
      hosts: [owed("w1"), owed("w2")],
    });
    await debts.keep(PLACE, []);
    expect(await files()).toEqual([]);
  });

  it("refuses what it cannot write, and does not count it as owed", async () => {
    await writeFile(join(folder, "host-debts"), "no folder");
    const { debts } = process();

    expect(await errorOf(debts.keep(PLACE, [owed("w1")]))).toMatchObject({ code: "REFUSED" });
    expect(debts.owed(PLACE)).toEqual([]);
  });

  it("gives back what an earlier process owed, step by step, and removes its file", async () => {
    await process().debts.keep(PLACE, [owed("w1")]);
    const steps = [[owed("w1")], [owed("w1", true)], []];
    const next = process(() => done(steps.shift() ?? []));
    await next.debts.load();
    void next.debts.run(ending.signal);

    await vi.waitFor(() => expect(next.debts.owed(PLACE)).toEqual([]));
    expect(next.restored).toEqual(["w1", "w1", "w1 out"]);
    expect(await files()).toEqual([]);
    expect(log.count("hosts of an interrupted scan are going to be activated again")).toBe(1);
    expect(log.count("no host of the scan is in maintenance any more")).toBe(1);
  });

  it("goes on trying while RHEV-M refuses or is away, and complains once", async () => {
    const answers: (() => Promise<Restored>)[] = [
      () => Promise.reject(new AgentError("PLATFORM_DOWN", "RHEV-M is away")),
      () => Promise.reject(new AgentError("PLATFORM_DOWN", "RHEV-M is away")),
      () => done([owed("w1")], ["host w1 is not activated: no"]),
    ];
    const { debts } = process(() => (answers.shift() ?? (() => done([])))());
    await debts.keep(PLACE, [owed("w1")]);
    void debts.run(ending.signal);

    await vi.waitFor(() => expect(debts.owed(PLACE)).toEqual([]));
    const complaints = log.entries.filter(({ message }) => message.startsWith("hosts cannot be activated"));
    expect(complaints.map(({ fields }) => fields["reason"])).toEqual([
      "RHEV-M is away",
      "host w1 is not activated: no",
    ]);
    expect(debts.trouble(PLACE)).toBeUndefined();
  });

  it("gives nothing back where a scan runs, and begins as soon as it has ended, however it did", async () => {
    const { debts, restored } = process();
    void debts.run(ending.signal);
    const scan = debts.during(PLACE, async () => {
      await debts.keep(PLACE, [owed("w1")]);
      await debts.keep(OTHER, [owed("n1")]);
      await debts.during(OTHER, () => Promise.resolve()); // wakes it
      await vi.waitFor(() => expect(restored).toEqual(["n1"]));
      throw new Error("the scan failed");
    });

    expect(await errorOf(scan)).toMatchObject({ message: "the scan failed" });
    await vi.waitFor(() => expect(restored).toEqual(["n1", "w1"]));
  });

  it("says at its end which hosts stay behind, and sets a file aside that it cannot read", async () => {
    await process().debts.keep(PLACE, [owed("w1")]);
    const [file = ""] = await files();
    await writeFile(join(folder, "host-debts", "strange.json"), '{"version":2}');
    const { debts } = process(() => Promise.reject(new AgentError("PLATFORM_DOWN", "away")));
    await debts.load();
    const running = debts.run(ending.signal);
    ending.abort();
    await running;

    expect(log.count("hosts stay in maintenance until the daemon runs again")).toBe(1);
    expect(await files()).toEqual([file]);
  });
});
