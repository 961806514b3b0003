import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { haresEngine } from "../../../daemon/hares.ts";
import { errorOf } from "../../support/error-of.ts";

const HEADING = "#Resource    Attribute             System     Value";
const never = new AbortController().signal;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "hares-state-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** The systems beside node1 that are ONLINE by what hares prints. */
async function onlineBy(output: string): Promise<readonly string[]> {
  const command = join(folder, "hares");
  await writeFile(join(folder, "output"), output);
  const script = `#!/bin/sh\necho "$@" >${folder}/arguments\ncat ${folder}/output\n`;
  await writeFile(command, script, { mode: 0o755 });
  const engine = haresEngine(() => ({ command, system: "node1", timeoutMs: 20_000 }));
  return engine.onlineElsewhere("vm1", never);
}

function row(system: string, value: string): string {
  return `vm1          State                 ${system}      ${value}`;
}

describe("where the engine has a resource ONLINE", () => {
  it("is asked of all systems at once", async () => {
    await onlineBy([HEADING, row("node1", "OFFLINE")].join("\n"));

    expect(await readFile(join(folder, "arguments"), "utf8")).toBe("-state vm1\n");
  });

  it.each([
    ["ONLINE", ["node2"]],
    ["ONLINE|STATE UNKNOWN", ["node2"]],
    ["ONLINE|MONITOR TIMEDOUT", ["node2"]],
    ["STATE UNKNOWN|ONLINE", ["node2"]],
    ["OFFLINE", []],
    ["OFFLINE|FAULTED", []],
    ["OFFLINE|STATE UNKNOWN", []],
    ["FAULTED", []],
    ["NOT ONLINE", []],
    ["", []],
  ])("is told by the words of the other system: %s", async (value, systems) => {
    const output = [HEADING, row("node1", "OFFLINE"), row("node2", value), ""].join("\n");

    expect(await onlineBy(output)).toEqual(systems);
  });

  it("leaves this system out, and names all others", async () => {
    const rows = [row("node1", "ONLINE"), row("node2", "ONLINE"), row("node3", "ONLINE|STATE UNKNOWN")];

    expect(await onlineBy([HEADING, ...rows].join("\n"))).toEqual(["node2", "node3"]);
  });

  it("is read without its heading, and over what else hares prints", async () => {
    const output = ["VCS WARNING V-16-1-10600", "", row("node2", "ONLINE"), "vm1 Start node3 ONLINE"].join(
      "\n",
    );

    expect(await onlineBy(output)).toEqual(["node2"]);
  });

  it.each([
    ["nothing", ""],
    ["a heading alone", HEADING],
    ["words", "VCS WARNING V-16-1-10600 nobody knows"],
  ])("is not taken as nowhere when hares prints %s", async (_what, output) => {
    expect(await errorOf(onlineBy(output))).toMatchObject({ code: "PROTOCOL" });
  });

  it("is not known when hares fails", async () => {
    const command = join(folder, "hares");
    await writeFile(command, "#!/bin/sh\necho 'Cannot connect to VCS engine' >&2\nexit 1\n", { mode: 0o755 });
    const engine = haresEngine(() => ({ command, system: "node1", timeoutMs: 20_000 }));

    expect(await errorOf(engine.onlineElsewhere("vm1", never))).toMatchObject({ code: "REFUSED" });
  });
});
