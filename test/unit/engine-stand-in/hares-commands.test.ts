import { describe, expect, it } from "vitest";
import { buildConfiguration } from "../../support/engine/cf-file.ts";
import { parseBlocks } from "../../support/engine/cf-parser.ts";
import { type CfConfiguration, type CfResource, flatten } from "../../support/engine/cf-values.ts";
import { runHaclus, runHasys } from "../../support/engine/cluster-commands.ts";
import { ClusterStates } from "../../support/engine/cluster-states.ts";
import { type HaresHost, runHagrp, runHares } from "../../support/engine/hares-commands.ts";
import { ResourceSettings } from "../../support/engine/resource-settings.ts";

const TEXT = `
  type Toy (
    static keylist SupportedActions = { look }
    str Options{} = { A=1, B=2 }
    keylist Keys = { k, l }
    str Text
  )
  group g ( SystemList = { n1 = 0, n2 = 1 } )
  Toy t ( )`;

function resourceOf({ resources }: CfConfiguration): CfResource {
  const [resource] = resources.values();
  if (resource === undefined) throw new Error("the text has no resource");
  return resource;
}

/** A host n1 of two systems that keep what they are told. */
function hostWithCalls(): { host: HaresHost; calls: string[] } {
  const configuration = buildConfiguration(parseBlocks(TEXT, "main.cf"), "main.cf");
  const settings = new Map<string, ResourceSettings>();
  const states = new ClusterStates();
  const calls: string[] = [];
  for (const system of ["n1", "n2"]) {
    const own = new ResourceSettings(configuration, resourceOf(configuration), { system, capsActions: true });
    if (system === "n1") settings.set("t", own);
    states.set(system, "t", "OFFLINE");
    states.join(system, {
      requestProbe: (resource) => calls.push(`${system} probe ${resource}`),
      action: async (resource, token, args) => {
        calls.push(`${system} action ${resource} ${token} ${args.join("|")}`);
        return { exitCode: 0, output: "looked\n" };
      },
      modify: (resource, attribute, values) =>
        calls.push(`${system} ${resource} ${attribute} ${values.join("|")}`),
      value: (_resource, attribute) => {
        const found = own.value(attribute);
        return found === undefined ? undefined : flatten(found);
      },
      isLocal: (_resource, attribute) => own.isLocal(attribute),
      makeLocal: (_resource, attribute) => own.makeLocal(attribute),
      requestOnline: (resource) => calls.push(`${system} online ${resource}`),
      awaitArrival: () => undefined,
    });
  }
  return { host: { system: "n1", states, isReadOnly: false, settings, groups: configuration.groups }, calls };
}

describe("hares -modify", () => {
  it.each([
    [["Text", "new"], "t Text new"],
    [["Text", "%-x"], "t Text -x"],
    [["Text", "%%x"], "t Text %x"],
    [["Options", "C", "3"], "t Options C|3"],
    [["Options", "-add", "C", "3"], "t Options A|1|B|2|C|3"],
    [["Options", "-update", "A", "9"], "t Options A|9|B|2"],
    [["Options", "-delete", "A"], "t Options B|2"],
    [["Keys", "-add", "m"], "t Keys k|l|m"],
    [["Keys", "-delete", "k"], "t Keys l"],
  ])("%j tells every system the whole new value", async (args, told) => {
    const { host, calls } = hostWithCalls();

    expect(await runHares(["-modify", "t", ...args], host)).toEqual({ exitCode: 0, stdout: "", stderr: "" });

    expect(calls).toEqual([`n1 ${told}`, `n2 ${told}`]);
  });

  it("tells one system only when it is named, once each has a value of its own", async () => {
    const { host, calls } = hostWithCalls();
    const modify = () => runHares(["-modify", "t", "Text", "x", "-sys", "n2"], host);
    expect(await modify()).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: "VCS ERROR V-16-1-99901 Attribute Text is global; -sys is not allowed\n",
    });
    expect((await runHares(["-local", "t", "Text"], host)).exitCode).toBe(0);
    await modify();

    expect(calls).toEqual(["n2 t Text x"]);
    expect((await runHares(["-display", "t", "-attribute", "Text"], host)).stdout).toBe(
      "#Resource Attribute System Value\nt Text n1 \nt Text n2 \n",
    );
  });

  it("makes nothing local while the configuration is not writable", async () => {
    const { host } = hostWithCalls();
    const refused = await runHares(["-local", "t", "Text"], { ...host, isReadOnly: true });

    expect(refused.stderr).toMatch(/^VCS ERROR V-16-1-10369 /);
    expect((await runHares(["-local", "t", "Nothing"], host)).exitCode).toBe(1);
  });

  it("cannot add to a scalar", async () => {
    const { host, calls } = hostWithCalls();

    expect((await runHares(["-modify", "t", "Text", "-add", "x"], host)).exitCode).toBe(1);
    expect(calls).toEqual([]);
  });
});

describe("hares -action", () => {
  it("passes all arguments up to the next option", async () => {
    const { host, calls } = hostWithCalls();

    const reply = await runHares(
      ["-action", "t", "look", "-actionargs", "a b", "c", "-sys", "n2", "-localclus"],
      host,
    );

    expect(reply).toEqual({ exitCode: 0, stdout: "looked\n", stderr: "" });
    expect(calls).toEqual(["n2 action t look a b|c"]);
  });
});

describe("hares -state", () => {
  it("prints one system when it is named, and all resources when none is", async () => {
    const { host } = hostWithCalls();

    expect((await runHares(["-state", "t", "-sys", "n2"], host)).stdout).toBe(
      "#Resource Attribute System Value\nt State n2 OFFLINE\n",
    );
    expect((await runHares(["-state"], host)).stdout).toBe(
      "#Resource Attribute System Value\nt State n1 OFFLINE\nt State n2 OFFLINE\n",
    );
  });
});

describe("LastOnline", () => {
  it("is the system on which the resource became ONLINE last, whatever became of it", async () => {
    const { host } = hostWithCalls();
    const last = async () => (await runHares(["-value", "t", "LastOnline"], host)).stdout;
    expect(await last()).toBe("\n");
    host.states.set("n2", "t", "ONLINE");
    host.states.set("n2", "t", "ONLINE|STATE UNKNOWN");
    host.states.set("n1", "t", "OFFLINE");
    expect(await last()).toBe("n2\n");
    host.states.set("n1", "t", "ONLINE");
    host.states.set("n2", "t", "ONLINE");
    expect(await last()).toBe("n1\n");
    host.states.leave("n1");

    expect(await last()).toBe("n1\n");
  });
});

describe("hares -list", () => {
  it("lists by type and group, where all conditions hold", async () => {
    const { host } = hostWithCalls();

    expect((await runHares(["-list", "Group=g", "Type=Toy"], host)).stdout).toBe("t n1\nt n2\n");
    expect((await runHares(["-list", "Group=other", "Type=Toy"], host)).stdout).toBe("");
    expect((await runHares(["-list", "Enabled=1"], host)).exitCode).toBe(1);
  });

  it("lists the resources of a type", async () => {
    const { host } = hostWithCalls();

    expect((await runHares(["-list", "Type=Toy"], host)).stdout).toBe("t n1\nt n2\n");
    expect((await runHares(["-list", "Type=Other"], host)).stdout).toBe("");
  });
});

describe("hagrp -value", () => {
  it("prints the systems of a group with their priorities", async () => {
    const { host } = hostWithCalls();

    expect((await runHagrp(["-value", "g", "SystemList"], host)).stdout).toBe("n1 0 n2 1\n");
    expect((await runHagrp(["-value", "x", "SystemList"], host)).stderr).toBe(
      "VCS ERROR V-16-1-10133 Group x does not exist\n",
    );
    expect((await runHagrp(["-online", "g"], host)).exitCode).toBe(1);
  });
});

describe("hares", () => {
  it("refuses what it does not know", async () => {
    const { host } = hostWithCalls();

    expect(await runHares(["-online", "t"], host)).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: "VCS ERROR V-16-1-99901 hares -online: the stand-in does not know this command\n",
    });
  });
});

describe("hasys and haclus", () => {
  it("tell states that a test has set, RUNNING for each system that runs, and attributes of the cluster", () => {
    const { host } = hostWithCalls();
    host.states.systemStates.set("n2", "FAULTED");
    host.states.clusterStates.set("west", "LOST_CONN");
    host.states.clusterValues.set("UseFence", "SCSI3");

    expect(runHasys(["-state"], host).stdout.replaceAll(/ +/g, " ")).toBe(
      "#System Attribute Value\nn1 SysState RUNNING\nn2 SysState FAULTED\n",
    );
    expect(runHaclus(["-state"], host).stdout.replaceAll(/ +/g, " ")).toBe(
      "#Cluster Attribute Value\nwest ClusState LOST_CONN\n",
    );
    expect(runHaclus(["-value", "UseFence", "-localclus"], host).stdout).toBe("SCSI3\n");
    expect(runHaclus(["-value", "Other"], host).exitCode).toBe(1);
    expect(runHasys(["-list"], host).exitCode).toBe(1);
  });
});

describe("hagrp -online", () => {
  it("brings the group's resources online on that system, with -nopre only", async () => {
    const { host, calls } = hostWithCalls();

    expect(
      await runHagrp(["-online", "-nopre", "g", "-sys", "n2", "-checkpartial", "n1"], host),
    ).toMatchObject({
      exitCode: 0,
    });
    expect(calls).toEqual(["n2 online t"]);
    expect(await runHagrp(["-online", "g", "-sys", "n2"], host)).toMatchObject({ exitCode: 1 });
    expect(await runHagrp(["-online", "-nopre", "none", "-sys", "n2"], host)).toMatchObject({ exitCode: 1 });
    expect(await runHagrp(["-online", "-nopre", "g", "-sys", "n9"], host)).toMatchObject({ exitCode: 1 });
  });
});
