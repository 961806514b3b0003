import { describe, expect, it } from "vitest";
import { buildConfiguration } from "../../support/engine/cf-file.ts";
import { parseBlocks } from "../../support/engine/cf-parser.ts";
import { ClusterStates } from "../../support/engine/cluster-states.ts";
import { type HaresHost, runHares } from "../../support/engine/hares-commands.ts";
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

/** A host n1 of two systems that keep what they are told. */
function hostWithCalls(): { host: HaresHost; calls: string[] } {
  const configuration = buildConfiguration(parseBlocks(TEXT, "main.cf"), "main.cf");
  const settings = new Map<string, ResourceSettings>();
  for (const resource of configuration.resources.values()) {
    settings.set(
      resource.name,
      new ResourceSettings(configuration, resource, { system: "n1", capsActions: true }),
    );
  }
  const states = new ClusterStates();
  const calls: string[] = [];
  for (const system of ["n1", "n2"]) {
    states.set(system, "t", "OFFLINE");
    states.join(system, {
      requestProbe: (resource) => calls.push(`${system} probe ${resource}`),
      action: async (resource, token, args) => {
        calls.push(`${system} action ${resource} ${token} ${args.join("|")}`);
        return { exitCode: 0, output: "looked\n" };
      },
      modify: (resource, attribute, values) =>
        calls.push(`${system} ${resource} ${attribute} ${values.join("|")}`),
      awaitArrival: () => undefined,
    });
  }
  return { host: { system: "n1", states, isReadOnly: false, settings }, calls };
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

  it("tells one system only when it is named", async () => {
    const { host, calls } = hostWithCalls();

    await runHares(["-modify", "t", "Text", "x", "-sys", "n2"], host);

    expect(calls).toEqual(["n2 t Text x"]);
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
