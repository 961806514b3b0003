import { readFile } from "node:fs/promises";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeVcsCluster, type VcsCluster } from "../support/vcs-commands/vcs-cluster.ts";

const SHELLS = ["dash", "bash", "busybox sh"];
const VENDOR_FILE = "/opt/VRTSvcs/bin/KVMGuest/KVMGuestAgent";

let cluster: VcsCluster;
let remove: () => Promise<void>;

beforeEach(async () => {
  ({ cluster, remove } = await makeVcsCluster());
});

afterEach(async () => {
  await remove();
});

async function nothingIsChanged(): Promise<void> {
  expect(await cluster.value("AgentDirectory")).toBe("");
  expect(await cluster.value("AgentFile")).toBe(VENDOR_FILE);
  expect(await cluster.value("ReadOnly")).toBe("1");
  expect(await cluster.frozen()).toEqual([]);
}

describe.each(SHELLS)("install-vcs under %s", (shell) => {
  it("says the steps and takes none without --apply", async () => {
    const { exitCode, stdout } = await cluster.installVcs(shell);

    expect(exitCode).toBe(0);
    expect(stdout).toContain(`hatype -modify KVMGuest AgentDirectory ${cluster.agentDirectory}`);
    expect(stdout).toContain("haagent -stop KVMGuest -force -sys node2");
    expect(await cluster.changes()).toEqual([]);
  });

  it("puts the type under this agent, group by group frozen, system by system", async () => {
    const { exitCode, stdout, stderr } = await cluster.installVcs(shell, "--apply");

    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toContain("Done: KVMGuest is under this agent");
    expect(await cluster.changes()).toEqual([
      "hagrp -freeze web1_grp",
      "hagrp -freeze web2_grp",
      "haconf -makerw",
      `hatype -modify KVMGuest AgentDirectory ${cluster.agentDirectory}`,
      `hatype -modify KVMGuest AgentFile ${cluster.folder}/bin/Script51Agent`,
      "haconf -dump -makero",
      "haagent -stop KVMGuest -force -sys node1",
      "haagent -start KVMGuest -sys node1",
      "haagent -stop KVMGuest -force -sys node2",
      "haagent -start KVMGuest -sys node2",
      "hagrp -unfreeze web1_grp",
      "hagrp -unfreeze web2_grp",
    ]);
    expect(await cluster.agent("node2")).toBe(cluster.agentDirectory);
  });

  it("gives the type back what it had", async () => {
    await cluster.installVcs(shell, "--apply");

    const { exitCode, stderr } = await cluster.installVcs(shell, "--undo", "--apply");

    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    await nothingIsChanged();
    expect(await cluster.agent("node1")).toBe("");
  });

  it("puts everything back when an agent does not start", async () => {
    await cluster.fail(...Array.from({ length: 6 }, () => "once haagent -start KVMGuest -sys node2"));

    const { exitCode, stderr } = await cluster.installVcs(shell, "--apply");

    expect(exitCode).toBe(1);
    expect(stderr).toContain("the agent could not be restarted on node2; putting back what was before");
    expect(stderr).toContain("the type has its former values, and its agent runs as before");
    await nothingIsChanged();
    expect(await cluster.agent("node1")).toBe("");
    expect(await cluster.agent("node2")).toBe("");
  });

  it.each([[["--aply"]], [["now"]], [["--apply", ""]]])("refuses the arguments %j", async (args) => {
    const { exitCode, stderr } = await cluster.installVcs(shell, ...args);

    expect(exitCode).toBe(2);
    expect(stderr).toContain(`vcskvmguestd-install-vcs: wrong argument: ${args.at(-1)}\n`);
    expect(stderr).toContain("Usage: vcskvmguestd-install-vcs [--undo] [--apply]");
    expect(await cluster.read("calls")).toBe("");
  });
});

describe("install-vcs", () => {
  it("explains itself", async () => {
    const { exitCode, stdout } = await cluster.installVcs("sh", "--help");

    expect(exitCode).toBe(0);
    expect(stdout).toContain("Exit codes: 0 done");
  });

  it("refuses every argument that it does not know, and asks the engine nothing", async () => {
    const known = ["--apply", "--undo", "--help", "-h"];
    const unknown = fc
      .string({ unit: "binary" })
      .filter((text) => !known.includes(text) && !text.includes("\0"));
    const words = fc.tuple(fc.subarray(["--apply", "--undo"]), unknown, fc.array(unknown, { maxLength: 2 }));

    await fc.assert(
      fc.asyncProperty(words, async ([before, wrong, after]) => {
        const { exitCode, stdout, stderr } = await cluster.installVcs("sh", ...before, wrong, ...after);

        expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
        expect(stderr).toContain("wrong argument: ");
      }),
      { numRuns: 40 },
    );
    expect(await cluster.read("calls")).toBe("");
  });

  it("takes the newest script agent", async () => {
    await cluster.addProgram("Script60Agent");
    await cluster.addProgram("Script100Agent");
    await cluster.addProgram("ScriptNewAgent");

    await cluster.installVcs("sh", "--apply");

    expect(await cluster.value("AgentFile")).toBe(`${cluster.folder}/bin/Script100Agent`);
  });

  it("has nothing to do the second time, and keeps the old values", async () => {
    await cluster.installVcs("sh", "--apply");
    const before = await cluster.changes();

    const { exitCode, stdout } = await cluster.installVcs("sh", "--apply");

    expect(exitCode).toBe(0);
    expect(stdout).toContain("Nothing to do");
    expect(await cluster.changes()).toEqual(before);
    expect(await cluster.read("kept/install-vcs.before")).toBe(`\n${VENDOR_FILE}`);
  });

  it("takes a newer script agent later, and still goes back to the oldest values", async () => {
    await cluster.installVcs("sh", "--apply");
    await cluster.addProgram("Script60Agent");

    await cluster.installVcs("sh", "--apply");
    expect(await cluster.value("AgentFile")).toBe(`${cluster.folder}/bin/Script60Agent`);
    await cluster.installVcs("sh", "--undo", "--apply");

    await nothingIsChanged();
  });

  it("leaves groups frozen that were frozen before", async () => {
    await cluster.write("frozen/web2_grp", "");

    await cluster.installVcs("sh", "--apply");

    expect(await cluster.frozen()).toEqual(["web2_grp"]);
  });

  it("restarts no agent on a system that does not run", async () => {
    await cluster.write("systems", "node1 RUNNING\nnode2 FAULTED\n");

    const { exitCode, stdout } = await cluster.installVcs("sh", "--apply");

    expect(exitCode).toBe(0);
    expect(stdout).toContain("System node2 does not run");
    expect(await cluster.agent("node2")).toBe("vendor");
  });

  it("starts an agent again that did not start at once", async () => {
    await cluster.fail("once haagent -start KVMGuest -sys node1");

    const { exitCode } = await cluster.installVcs("sh", "--apply");

    expect(exitCode).toBe(0);
    expect(await cluster.agent("node1")).toBe(cluster.agentDirectory);
  });

  it("keeps the groups frozen when a resource is not in its former state", async () => {
    await cluster.write("after-start", "s/node1 ONLINE/node1 ONLINE|STATE UNKNOWN/");

    const { exitCode, stderr } = await cluster.installVcs("sh", "--apply");

    expect(exitCode).toBe(4);
    expect(stderr).toContain("web1_vm on node1: ONLINE|STATE UNKNOWN");
    expect(await cluster.frozen()).toEqual(["web1_grp", "web2_grp"]);
  });

  it("takes a state that becomes known for the same", async () => {
    await cluster.write("states", "web1_vm State node1 ONLINE|STATE UNKNOWN\n");
    await cluster.write("after-start", "s/|STATE UNKNOWN//");

    expect((await cluster.installVcs("sh", "--apply")).exitCode).toBe(0);
  });

  it.each([[["--apply"]], [["--undo", "--apply"]]])(
    "takes over with %j when groups were left frozen, and unfreezes them once the first states are back",
    async (args) => {
      await cluster.write("after-start", "s/web1_vm State node1 ONLINE/web1_vm State node1 OFFLINE/");
      await cluster.installVcs("sh", "--apply");
      await cluster.write("after-start", "s/web1_vm State node1 OFFLINE/web1_vm State node1 ONLINE/");

      const { exitCode, stdout } = await cluster.installVcs("sh", ...args);

      expect(exitCode).toBe(0);
      expect(stdout).toContain("An earlier run left these groups frozen: web1_grp web2_grp");
      expect(await cluster.frozen()).toEqual([]);
      expect((await cluster.installVcs("sh", ...args)).stdout).toContain("Nothing to");
    },
  );

  it.each([
    ["hagrp -freeze web2_grp", "the group web2_grp cannot be frozen"],
    ["haconf -makerw", "the configuration cannot be opened"],
  ])("changes nothing when %s fails", async (fault, complaint) => {
    await cluster.fail(fault);

    const { exitCode, stderr } = await cluster.installVcs("sh", "--apply");

    expect(exitCode).toBe(3);
    expect(stderr).toContain(complaint);
    await nothingIsChanged();
    expect(await cluster.agent("node1")).toBe("vendor");
  });

  it.each(["hatype -modify KVMGuest AgentFile", "haconf -dump", "haagent -stop KVMGuest -force -sys node2"])(
    "puts back what was before when %s fails",
    async (fault) => {
      await cluster.fail(`once ${fault}`);

      const { exitCode, stderr } = await cluster.installVcs("sh", "--apply");

      expect(exitCode).toBe(1);
      expect(stderr).toContain("the type has its former values");
      await nothingIsChanged();
    },
  );

  it("says what is to be mended when nothing can be put back", async () => {
    await cluster.fail("haagent -start KVMGuest -sys node1");

    const { exitCode, stderr } = await cluster.installVcs("sh", "--apply");

    expect(exitCode).toBe(1);
    expect(stderr).toContain("NOT everything could be put back");
    expect(stderr).toContain('AgentDirectory shall be ""');
    expect(await cluster.frozen()).toEqual(["web1_grp", "web2_grp"]);
  });

  it("refuses a release without a script agent of V51", async () => {
    await cluster.remove("Script51Agent");

    const { exitCode, stderr } = await cluster.installVcs("sh", "--apply");

    expect(exitCode).toBe(3);
    expect(stderr).toContain("no script agent of V51 or later");
    expect(await cluster.changes()).toEqual([]);
  });

  it.each([
    ["hasys", "the engine does not answer"],
    ["hatype", "the type KVMGuest cannot be read"],
    ["haclus", "ReadOnly of the cluster cannot be read"],
    ["hares -value web1_vm Group", "the group of web1_vm cannot be read"],
  ])("refuses when %s fails", async (fault, complaint) => {
    await cluster.fail(fault);

    const { exitCode, stderr } = await cluster.installVcs("sh", "--apply");

    expect(exitCode).toBe(3);
    expect(stderr).toContain(complaint);
    expect(await cluster.changes()).toEqual([]);
  });

  it("refuses while somebody changes the configuration", async () => {
    await cluster.write("values/ReadOnly", "0\n");

    const { exitCode, stderr } = await cluster.installVcs("sh", "--apply");

    expect(exitCode).toBe(3);
    expect(stderr).toContain("somebody is changing the cluster's configuration");
    expect(await cluster.changes()).toEqual([]);
  });

  it("refuses without the cluster's software", async () => {
    await cluster.remove("haagent");

    const { exitCode, stderr } = await cluster.installVcs("sh");

    expect(exitCode).toBe(3);
    expect(stderr).toContain("/bin/haagent is missing");
  });

  it("undoes nothing where the type is not under this agent, and refuses without the old values", async () => {
    const first = await cluster.installVcs("sh", "--undo", "--apply");
    expect(first.exitCode).toBe(0);
    expect(first.stdout).toContain('Nothing to undo: AgentDirectory of KVMGuest is ""');

    await cluster.write("values/AgentDirectory", `${cluster.agentDirectory}\n`);
    const second = await cluster.installVcs("sh", "--undo", "--apply");
    expect(second.exitCode).toBe(3);
    expect(second.stderr).toContain("no old values are kept on this system");
    expect(await cluster.changes()).toEqual([]);
  });

  it("documents its exit codes as its help does", async () => {
    const { stdout } = await cluster.installVcs("sh", "--help");
    const document = await readFile(new URL("../../docs/vcs-setup.md", import.meta.url), "utf8");

    const codes = [...document.matchAll(/^\| (\d) \| /gm)].map((match) => match[1]);
    expect(codes).toEqual(["0", "1", "2", "3", "4"]);
    expect(stdout).toContain("2 wrong arguments; 3 refused, nothing was changed; 4 done");
  });
});
