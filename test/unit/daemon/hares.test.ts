import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { haresEngine } from "../../../daemon/hares.ts";
import { hasCode } from "../../../src/agent-error.ts";
import { errorOf } from "../../support/error-of.ts";

const never = new AbortController().signal;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "hares-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** An engine whose hares is this script. */
async function engineOf(script: string, timeoutMs = 20_000) {
  const command = join(folder, "hares");
  await writeFile(command, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return haresEngine(() => ({ command, system: "node1", timeoutMs }));
}

/** An engine with another command beside hares. */
async function engineWith(name: string, script: string) {
  await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return engineOf("exit 9");
}

async function saved(name: string): Promise<string> {
  return readFile(join(folder, name), "utf8");
}

describe("probe", () => {
  it("runs hares with the resource and this system", async () => {
    const engine = await engineOf(`echo "$@" >${folder}/arguments`);
    await engine.probe("web1_res", never);

    expect(await saved("arguments")).toBe("-probe web1_res -sys node1\n");
  });

  it("is refused with the engine's first words when hares fails", async () => {
    const engine = await engineOf(
      "echo 'VCS WARNING V-16-1-10260 Resource does not exist' >&2; echo more >&2; exit 1",
    );

    expect(await errorOf(engine.probe("web1_res", never))).toMatchObject({
      code: "REFUSED",
      message:
        "hares -probe web1_res -sys node1 ended with 1: VCS WARNING V-16-1-10260 Resource does not exist",
    });
  });

  it("takes words on standard output when standard error is empty, and a signal for an exit code", async () => {
    const words = await engineOf("echo 'VCS ERROR'; exit 3");
    expect(await errorOf(words.probe("r", never))).toMatchObject({
      message: "hares -probe r -sys node1 ended with 3: VCS ERROR",
    });
    const killed = await engineOf("kill -9 $$");

    expect(await errorOf(killed.probe("r", never))).toMatchObject({
      code: "REFUSED",
      message: "hares -probe r -sys node1 ended with SIGKILL: ",
    });
  });

  it("fails when there is no hares, and when it cannot be run", async () => {
    const missing = haresEngine(() => ({ command: join(folder, "none"), system: "node1", timeoutMs: 1000 }));
    expect(await errorOf(missing.probe("r", never))).toMatchObject({ code: "PLATFORM_DOWN" });
    await writeFile(join(folder, "hares"), "", { mode: 0o644 });
    const notExecutable = haresEngine(() => ({
      command: join(folder, "hares"),
      system: "n",
      timeoutMs: 1000,
    }));

    expect(await errorOf(notExecutable.probe("r", never))).toMatchObject({ code: "PLATFORM_DOWN" });
  });

  it("kills a hares that hangs, at the time limit", async () => {
    const engine = await engineOf(`echo $$ >${folder}/pid; exec sleep 1000`, 5000);

    expect(await errorOf(engine.probe("r", never))).toMatchObject({
      code: "PLATFORM_DOWN",
      message: "hares -probe r -sys node1: the engine did not answer in time",
    });
    const pid = Number(await saved("pid"));
    await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow(/ESRCH/), 10_000);
  });

  it("is given up when the daemon ends, before and during the call", async () => {
    const engine = await engineOf("exec sleep 1000");
    const ending = new AbortController();
    const running = errorOf(engine.probe("r", ending.signal));
    ending.abort(new Error("the daemon ends"));

    expect(hasCode(await running, "PLATFORM_DOWN")).toBe(true);
    expect(hasCode(await errorOf(engine.probe("r", ending.signal)), "PLATFORM_DOWN")).toBe(true);
  });

  it("does not wait for a grandchild that holds the output open", async () => {
    const engine = await engineOf(`sleep 1000 & echo $! >${folder}/pid; exit 0`);
    await engine.probe("r", never);
    const grandchild = Number(await saved("pid"));

    expect(process.kill(grandchild, "SIGKILL")).toBe(true);
  });
});

describe("value", () => {
  it("is what hares prints, without the line's end", async () => {
    const engine = await engineOf(`echo "$@" >${folder}/arguments; echo '  Enabled 0   CESystem NONE '`);

    expect(await engine.value("web1_res", "CEInfo", never)).toBe("Enabled 0   CESystem NONE");
    expect(await saved("arguments")).toBe("-value web1_res CEInfo node1\n");
  });

  it("is whole though long, and bounded", async () => {
    const long = await engineOf("head -c 60000 /dev/zero | tr '\\0' x");
    expect((await long.value("r", "A", never)).length).toBe(60_000);
    const endless = await engineOf("head -c 1000000 /dev/zero | tr '\\0' x");

    expect((await endless.value("r", "A", never)).length).toBeLessThan(200_000);
  });

  it("reads the command anew at each call, so that a reload takes effect", async () => {
    await engineOf("echo first");
    const second = join(folder, "second");
    await writeFile(second, "#!/bin/sh\necho second\n", { mode: 0o755 });
    const commands = [join(folder, "hares"), second];
    const engine = haresEngine(() => ({
      command: commands.shift() ?? second,
      system: "n",
      timeoutMs: 20_000,
    }));

    expect(await engine.value("r", "A", never)).toBe("first");
    expect(await engine.value("r", "A", never)).toBe("second");
  });
});

describe("lastOnline", () => {
  it.each([
    ["node1", { kind: "here" }],
    ["node2", { kind: "elsewhere", system: "node2" }],
    ["", { kind: "unknown", reason: "LastOnline is empty" }],
  ])("of %j is %j", async (printed, where) => {
    const engine = await engineOf(`echo "$@" >${folder}/arguments; echo '${printed}'`);

    expect(await engine.lastOnline("web1_res", never)).toEqual(where);
    expect(await saved("arguments")).toBe("-value web1_res LastOnline\n");
  });

  it("fails when hares does", async () => {
    const engine = await engineOf("exit 1");

    expect(await errorOf(engine.lastOnline("r", never))).toMatchObject({ code: "REFUSED" });
  });
});

describe("modifyHere", () => {
  it("sets a value for this system alone", async () => {
    const engine = await engineOf(`echo "$@" >${folder}/arguments`);
    await engine.modifyHere("web1_res", "ResyncVMCfg", "0", never);

    expect(await saved("arguments")).toBe("-modify web1_res ResyncVMCfg 0 -sys node1\n");
  });

  it("is refused with the engine's words, and without the value, while the configuration is not writable", async () => {
    const engine = await engineOf("echo 'VCS ERROR V-16-1-10369 not writable' >&2; exit 1");

    expect(await errorOf(engine.modifyHere("r", "RHEVMInfo", "secret", never))).toMatchObject({
      code: "REFUSED",
      message: "hares -modify r RHEVMInfo -sys node1 ended with 1: VCS ERROR V-16-1-10369 not writable",
    });
  });
});

describe("states of systems and clusters", () => {
  it("are what hasys prints beside hares, by system", async () => {
    const engine = await engineWith(
      "hasys",
      `echo "$@" >${folder}/arguments
echo '#System    Attribute             Value'
echo 'node1      SysState              RUNNING'
echo 'node2      SysState              FAULTED'
echo 'node3      SysState              EXITED  '
echo 'node4      LoadTime              FAULTED'`,
    );

    expect(Object.fromEntries(await engine.systemStates(never))).toEqual({
      node1: "RUNNING",
      node2: "FAULTED",
      node3: "EXITED",
    });
    expect(await saved("arguments")).toBe("-state\n");
  });

  it("are none that could be believed when they contradict each other", async () => {
    const engine = await engineWith(
      "hasys",
      "echo 'node2 SysState FAULTED'; echo 'node2 SysState RUNNING'; echo 'node3 SysState FAULTED or so'",
    );

    expect(Object.fromEntries(await engine.systemStates(never))).toEqual({ node2: "contradictory" });
  });

  it("cannot be read from an answer without any", async () => {
    const engine = await engineWith("hasys", "echo '#System Attribute Value'");

    expect(await errorOf(engine.systemStates(never))).toMatchObject({ code: "PROTOCOL" });
  });

  it("of clusters are what haclus prints, and so are attributes of this one", async () => {
    const engine = await engineWith(
      "haclus",
      `[ "$1" = -value ] && { echo "$@" >${folder}/arguments; echo ' SCSI3 '; exit 0; }
echo '#Cluster Attribute Value'
echo 'west ClusState LOST_CONN'`,
    );

    expect(Object.fromEntries(await engine.clusterStates(never))).toEqual({ west: "LOST_CONN" });
    expect(await engine.clusterValue("UseFence", never)).toBe("SCSI3");
    expect(await saved("arguments")).toBe("-value UseFence -localclus\n");
  });
});
