import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { errorOf } from "../support/error-of.ts";
import { kvmguestctl } from "../support/host/operator.ts";
import { MONITOR } from "../support/host/resource.ts";
import { makeRhevSite, type RhevSite } from "../support/host/rhev-site.ts";
import { ask } from "../support/ipc/http-client.ts";
import { testClient, testEngine } from "../support/rhev-client.ts";
import type { Fault } from "../support/rhevm-simulator/faults.ts";
import { textsIn } from "../support/texts-in.ts";

const HERE = "node1";
const PASSWORD = "Kranich4711Vogel";
const WRONG = "Specht0815Vogel";

const WHOLE = { depth: Number.POSITIVE_INFINITY, showHidden: true } as const;

const FAULTS = [
  "unauthorized",
  "html",
  "cut",
  "unavailable",
  "huge",
  "malformed-xml",
  "redirect",
  "hang",
] as const;

const VIEWS = [
  "/v1/guests",
  "/v1/guests/web1",
  "/v1/guests/web1/why",
  "/v1/history",
  "/v1/resources/web1/attributes",
  "/metrics",
  "/healthz",
];

const IMPATIENT = { DelayAfterGuestOnline: "0", DelayAfterGuestOffline: "2" };

function base64(plain: string): string {
  return Buffer.from(plain).toString("base64");
}

/** A text as it is, and as it may be disguised. */
function disguises(text: string): readonly string[] {
  return [text, base64(text), base64(`admin@internal:${text}`), encodeURIComponent(text)];
}

/** All that must not show: passwords, and the sessions and tokens that the engine gave out. */
function secretsOf({ rhevm }: RhevSite): ReadonlySet<string> {
  const passes = rhevm.requests.flatMap(({ headers }) => [
    ...(headers.cookie ?? "").split(/;\s*/).map((pair) => pair.replace(/^[^=]*=/, "")),
    (headers.authorization ?? "").replace(/^\w+\s+/, ""),
  ]);
  return new Set([...disguises(PASSWORD), ...disguises(WRONG), ...passes.filter((pass) => pass !== "")]);
}

/** The command lines of all processes, looked at until the returned function is called. */
function watchCommandLines(): () => readonly string[] {
  const seen = new Set<string>();
  const look = async () => {
    const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
    for (const pid of pids) seen.add(await readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => ""));
  };
  const timer = setInterval(() => void look().catch(() => undefined), 30); // a process that has ended
  return () => {
    clearInterval(timer);
    return [...seen];
  };
}

async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  return Promise.all(files.map(async (file) => `${file}\n${await readFile(file, "latin1")}`));
}

describe.each(["basic", "oauth"] as const)("the password of an engine of RHEV-M, with %s", (auth) => {
  let site: RhevSite;

  beforeAll(async () => {
    site = await makeRhevSite({
      systems: [HERE],
      others: ["node2"],
      rhev: `auth: ${auth}, answerTimeoutS: 2`,
      password: PASSWORD,
    });
  });

  afterAll(() => site.stop());

  it("reaches no log, output, reply, file or command line of ours, nor does what it was exchanged for", async () => {
    const host = site.on(HERE);
    const commandLines = watchCommandLines();
    const outputs: string[] = [];
    const resource = await site.resource(HERE, "web1", IMPATIENT);
    outputs.push((await resource.online()).output);
    await resource.monitorUntil(MONITOR.online);
    for (const fault of ["html", "other-document", "cut", "unavailable", "malformed-xml"] satisfies Fault[]) {
      site.rhevm.faults.next(fault, { count: 3 });
      outputs.push((await resource.migrate("node2", { timeoutS: 10 })).output);
      outputs.push((await resource.clean(4, { timeoutS: 4 })).output);
      outputs.push((await resource.online({ timeoutS: 10 })).output);
    }
    site.rhevm.logins.expireAll();
    await site.setPassword(WRONG);
    outputs.push(
      (await host.shim("attr_changed", "web1", "web1", "RHEVMInfo", ...site.info())).output,
      (await resource.clean(4, { timeoutS: 4 })).output,
    );
    await resource.monitorUntil(MONITOR.unknown);
    for (const path of VIEWS) outputs.push((await ask(host.socket, "GET", path)).body);
    const why = await kvmguestctl(["why", "web1", "--socket", host.socket]);
    const dryRun = await kvmguestctl(["entry-point", "-n", "clean", "web1", "--socket", host.socket]);
    outputs.push(why.out, why.complaints, dryRun.out, dryRun.complaints);
    expect(why.out).toContain("RHEV-M tells of a guest: event up on ");
    expect(why.out).toContain("    The next monitor is answered UNKNOWN: the engine keeps ");
    expect(dryRun.out).toContain("RHEV-M is asked to stop the guest at once");
    await host.daemon.stop();

    const secrets = secretsOf(site);
    const places = {
      log: host.daemon.lines.map((line) => JSON.stringify(line)),
      complaints: host.daemon.complaints,
      outputs,
      commandLines: commandLines(),
      files: [...(await filesBelow(host.folder)), ...(await filesBelow(host.stateDirectory))],
    };
    expect(secrets.size).toBeGreaterThan(6);
    expect(site.rhevm.requests.length).toBeGreaterThan(20);
    for (const [place, texts] of Object.entries(places)) {
      const found = [...secrets].filter((secret) => texts.some((text) => text.includes(secret)));
      expect({ place, found }).toEqual({ place, found: [] });
    }
    expect(places.log.length).toBeGreaterThan(50);
  });
});

describe("an error of the client of RHEV-M", () => {
  it("keeps the password, and what it was exchanged for, out of its core", async () => {
    const engine = await testEngine({ vms: ["web1"], password: PASSWORD });
    const client = await testClient(engine, { password: PASSWORD, answerMs: 5000 });
    const limit = AbortSignal.timeout(120_000);
    const cores: string[] = [];
    for (const fault of FAULTS) {
      await client.reads.clusters(limit);
      const restore = engine.faults.always(fault);
      const error = await errorOf(client.reads.vmsNamed(["web1"], limit));
      restore();
      cores.push(inspect(error, WHOLE), inspect(client.session, WHOLE), ...textsIn(error));
      client.session.renewPassword();
    }

    const passes = engine.requests.map(({ headers }) => (headers.cookie ?? "").replace(/^[^=]*=/, ""));
    const secrets = [...disguises(PASSWORD), ...passes.filter((pass) => pass !== "")];
    expect(cores.join("\n").split("AgentError").length).toBeGreaterThan(FAULTS.length);
    expect(secrets.filter((secret) => cores.some((core) => core.includes(secret)))).toEqual([]);
  });
});
