import { beforeEach, describe, expect, it } from "vitest";
import type { Cluster } from "../../../daemon/config-sync/cluster.ts";
import { planSync, sourceOf } from "../../../daemon/config-sync/plan.ts";
import { syncAll } from "../../../daemon/config-sync/sync.ts";
import { AgentError } from "../../../src/agent-error.ts";

const FACTS = {
  resource: "web1",
  systems: ["n1", "n2", "n3"],
  onlineOn: ["n2"],
  syncDir: "/sync",
  isLocal: false,
};

describe("sourceOf", () => {
  it.each([
    [["n2"], undefined, { source: "n2" }],
    [["n2"], "n1", { source: "n1" }],
    [[], "n3", { source: "n3" }],
    [["n2"], "n9", { why: "n9 is not among its systems: n1, n2, n3" }],
    [
      [],
      undefined,
      { why: "it is ONLINE nowhere: name the system that has the right configuration with -sys" },
    ],
    [["n1", "n2"], undefined, { why: "it is ONLINE on n1, n2: name the right one of them with -sys" }],
  ])("of a resource that is ONLINE on %j, with -sys %s, is %j", (onlineOn, given, found) => {
    expect(sourceOf({ systems: FACTS.systems, onlineOn }, given)).toEqual(found);
  });
});

function commandsOf(facts: typeof FACTS, source: string): readonly string[] {
  const plan = planSync(facts, source);
  return plan.kind === "steps" ? plan.steps.map(({ args }) => args.join(" ")) : [plan.why];
}

describe("planSync", () => {
  it("saves first, makes the attribute local once, and marks the other systems", () => {
    expect(commandsOf(FACTS, "n2")).toEqual([
      "-action web1 vmconfigsync -sys n2",
      "-local web1 ResyncVMCfg",
      "-modify web1 ResyncVMCfg 1 -sys n1",
      "-modify web1 ResyncVMCfg 1 -sys n3",
    ]);
    expect(commandsOf({ ...FACTS, isLocal: true }, "n1")).toEqual([
      "-action web1 vmconfigsync -sys n1",
      "-modify web1 ResyncVMCfg 1 -sys n2",
      "-modify web1 ResyncVMCfg 1 -sys n3",
    ]);
  });

  it("only saves where there is one system, and does nothing without SyncDir", () => {
    expect(commandsOf({ ...FACTS, systems: ["n2"] }, "n2")).toEqual(["-action web1 vmconfigsync -sys n2"]);
    expect(commandsOf({ ...FACTS, syncDir: "" }, "n2")).toEqual([
      "SyncDir is not set, there is no place for the copy",
    ]);
  });

  it("says when the configuration of a running guest is the one to be replaced", () => {
    expect(planSync(FACTS, "n1")).toMatchObject({
      note: "it is ONLINE on n2, whose configuration is replaced at its next online",
    });
    expect(planSync(FACTS, "n2")).toMatchObject({ note: undefined });
  });
});

/** A cluster of web1 and, without SyncDir, bare; it remembers what was run, and fails where told. */
class FakeCluster implements Cluster {
  readonly ran: string[] = [];
  readonly failures = new Map<string, AgentError>();
  online: readonly string[] = ["n2"];

  guests() {
    return Promise.resolve(["web1", "bare"]);
  }

  async systemsOf(resource: string) {
    this.#fail(`systems ${resource}`);
    return ["n1", "n2"];
  }

  onlineOn() {
    return Promise.resolve(this.online);
  }

  value(resource: string) {
    return Promise.resolve(resource === "bare" ? "" : "/sync");
  }

  isLocal() {
    return Promise.resolve(false);
  }

  async run(args: readonly string[]) {
    const command = args.join(" ");
    this.ran.push(command);
    this.#fail(command);
    return args[0] === "-action" ? "configuration of guest web1 saved to /sync\n" : "";
  }

  #fail(what: string): void {
    const failure = this.failures.get(what);
    if (failure !== undefined) throw failure;
  }
}

describe("syncAll", () => {
  let cluster: FakeCluster;
  let said: string[];
  const request = { resources: ["web1"], system: undefined, dryRun: false };

  beforeEach(() => {
    cluster = new FakeCluster();
    said = [];
  });

  function sync(changes: Partial<Parameters<typeof syncAll>[1]> = {}): Promise<number> {
    const output = {
      out: (line: string) => void said.push(line),
      complain: (line: string) => void said.push(`! ${line}`),
    };
    return syncAll(cluster, { ...request, ...changes }, output);
  }

  it("says what was done where", async () => {
    expect(await sync()).toBe(0);
    expect(said).toEqual([
      "web1: n2: configuration of guest web1 saved to /sync",
      "web1: ResyncVMCfg is now one for each system",
      "web1: n1: takes it over at its next online",
    ]);
  });

  it("changes nothing in a dry run, and prints the commands", async () => {
    expect(await sync({ dryRun: true })).toBe(0);
    expect(cluster.ran).toEqual([]);
    expect(said).toEqual([
      "web1: would run: hares -action web1 vmconfigsync -sys n2",
      "web1: would run: hares -local web1 ResyncVMCfg",
      "web1: would run: hares -modify web1 ResyncVMCfg 1 -sys n1",
    ]);
  });

  it("goes over all resources of the type, and leaves out what has no SyncDir", async () => {
    expect(await sync({ resources: undefined })).toBe(0);
    expect(said.at(-1)).toBe("bare: left out: SyncDir is not set, there is no place for the copy");
  });

  it("fails for a resource that was named and has no SyncDir, and goes on with the next", async () => {
    expect(await sync({ resources: ["bare", "web1"] })).toBe(1);
    expect(said[0]).toBe("! bare: SyncDir is not set, there is no place for the copy");
    expect(cluster.ran).toContain("-modify web1 ResyncVMCfg 1 -sys n1");
  });

  it("marks no system when the configuration could not be saved", async () => {
    const reason =
      "hares -action web1 vmconfigsync ended with 1: /sync/web1.xml: EROFS: read-only file system";
    cluster.failures.set("-action web1 vmconfigsync -sys n2", new AgentError("REFUSED", reason));

    expect(await sync()).toBe(1);
    expect(cluster.ran).toEqual(["-action web1 vmconfigsync -sys n2"]);
    expect(said).toEqual([`! web1: n2: ${reason}`]);
  });

  it("says in plain words that the cluster's configuration has to be opened first", async () => {
    const reason = "VCS ERROR V-16-1-10369 The configuration is not writable";
    cluster.failures.set("-local web1 ResyncVMCfg", new AgentError("REFUSED", reason));

    expect(await sync()).toBe(1);
    expect(said.slice(1)).toEqual([
      `! web1: ${reason}`,
      "! web1: the copy in SyncDir is made, but the cluster's configuration cannot be changed: " +
        "run haconf -makerw, this command again, then haconf -dump -makero",
    ]);
  });

  it("asks for the source when it is not clear", async () => {
    cluster.online = [];

    expect(await sync()).toBe(1);
    expect(cluster.ran).toEqual([]);
    expect(said).toEqual([
      "! web1: it is ONLINE nowhere: name the system that has the right configuration with -sys",
    ]);
  });

  it("refuses what cannot be the name of a resource", async () => {
    expect(await sync({ resources: ["a/b"] })).toBe(1);
    expect(said).toEqual(['! a/b: "a/b" cannot be the name of a resource']);
  });

  it.each([
    new AgentError("PLATFORM_DOWN", "hares -value web1 Type: the engine did not answer in time"),
    new AgentError(
      "REFUSED",
      "hares -value ended with 1: VCS ERROR V-16-1-10600 Cannot connect to VCS engine",
    ),
  ])("ends at once when the engine is silent: %s", async (failure) => {
    cluster.failures.set("systems web1", failure);

    expect(await sync({ resources: ["web1", "bare"] })).toBe(3);
    expect(said).toEqual([`! the engine does not answer: ${failure.message}`]);
  });
});
