import * as fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { dryRun } from "../../../daemon/dry-run.ts";
import type { DryRunAnswer } from "../../../ipc/answers.ts";
import { parseDryRun } from "../../../ipc/answers.ts";
import type { EntryPointName } from "../../../ipc/entry-point-names.ts";
import { AgentError } from "../../../src/agent-error.ts";
import { INTENTIONAL_OFFLINE, OFFLINE, online } from "../../../src/resource-state.ts";
import { DispatcherHost } from "../../support/fakes/dispatcher-host.ts";
import { aReading, RUNNING } from "../../support/fakes/fake-platform.ts";
import { attributesOfGuest, requestArguments } from "../../support/fakes/resources.ts";

const never = new AbortController().signal;
const NAMES: readonly EntryPointName[] = [
  "open",
  "close",
  "online",
  "offline",
  "monitor",
  "clean",
  "attr_changed",
  "migrate",
  "shutdown",
];
/** What is foretold in these words is this call of the platform. */
const FORETOLD = [
  [/asked to start the guest/, /start web1/],
  [/brought back/, /wake web1/],
  [/asked to shut the guest down/, /requestShutdown web1/],
  [/asked to destroy it/, /destroy web1/],
  [/asked to move the guest/, /migrate web1/],
] as const;
let host: DispatcherHost;

beforeEach(() => {
  host = new DispatcherHost();
});

function parts() {
  return { platform: host.platform, book: host.book, ...host.facts };
}

/** What a dry run of an entry point for web1_res says. */
function tried(
  name: EntryPointName,
  attributes: Readonly<Record<string, string | readonly string[]>> = {},
  options: { timeoutS?: number; reason?: number } = {},
): Promise<DryRunAnswer> {
  const args = requestArguments("web1_res", { GuestName: "web1", ...attributes }, options);
  return dryRun(parts(), { kind: "entry-point", name, args, signal: never });
}

describe("a dry run", () => {
  it("changes nothing: no registration, no call but a reading, and no trace of it in the platform", async () => {
    for (const name of NAMES) await tried(name);
    await dryRun(parts(), {
      kind: "action",
      name: "DevScan",
      args: ["web1_res", "GuestName", "1", "web1"],
      signal: never,
    });

    expect(host.book.all()).toEqual([]);
    expect(host.store.saves).toEqual([]);
    expect(new Set(host.platform.calls)).toEqual(new Set(["read web1", "forget web1"]));
  });

  it("leaves a resource that is open here as it was", async () => {
    host.platform.readings.set("web1", RUNNING);
    await host.ask("open");
    await host.ask("monitor");
    const before = JSON.stringify(host.book.get("web1_res"));
    host.platform.readings.set("web1", aReading());
    for (const name of NAMES) await tried(name, { SyncDir: "/elsewhere" });

    expect(JSON.stringify(host.book.get("web1_res"))).toBe(before);
    expect(host.platform.calls).not.toContain("forget web1");
  });

  it("says what a monitor would answer now, with the deadline", async () => {
    host.platform.readings.set("web1", RUNNING);

    expect(await tried("monitor", {}, { timeoutS: 100 })).toMatchObject({
      entryPoint: "monitor",
      resource: "web1_res",
      guest: "web1",
      environment: "kvm",
      registered: false,
      deadlineS: 90,
      problems: [],
      steps: [
        "libvirt is asked for the guest's state",
        "answered is ONLINE(100), exit code 110: told by the test",
      ],
      answer: { state: "ONLINE(100)", confidence: 100, code: 110 },
    });
  });

  it("says what an online would ask of a guest that does not run", async () => {
    const attributes = { DelayAfterGuestOnline: "300", SyncDir: "/cfs", ResyncVMCfg: "1" };
    expect((await tried("online", attributes)).steps).toEqual([
      "the definition is taken over from SyncDir /cfs (ResyncVMCfg)",
      "/proc is searched: if an emulator of the guest lives here, refused",
      "the other systems are looked at: if one runs the guest, refused",
      "libvirt is asked to start the guest",
      "exit code 255: so many seconds the framework waits before its monitor (DelayAfterGuestOnline)",
    ]);
  });

  it.each([
    [{ active: true, suspended: "paused" }, "the guest is brought back (paused), exit code 0"],
    [
      { active: true, migrating: true },
      "refused, the guest is left alone: it is migrating (told by the test)",
    ],
    [{ incoming: true }, "waits until the guest has come to a rest: told by the test"],
    [
      { active: true },
      "refused, what is left of the guest is in the way (told by the test); clean removes it",
    ],
  ] as const)("says what an online would do to a guest that was read as %j", async (reading, step) => {
    host.platform.readings.set("web1", aReading(reading));

    expect((await tried("online")).steps.at(-1)).toBe(step);
  });

  it("says that a guest that runs is left as it is by online, and asked to stop by offline", async () => {
    host.platform.readings.set("web1", RUNNING);

    expect((await tried("online")).steps).toEqual([
      "nothing is done, the guest runs already (told by the test); exit code 0",
    ]);
    expect((await tried("offline", { DelayAfterGuestOffline: "9999" })).steps.slice(1)).toEqual([
      "libvirt is asked to shut the guest down, again and again for 270 s at most (DelayAfterGuestOffline)",
      "exit code 0; a guest that runs on is left to the engine, whose next step is clean: offline destroys nothing",
    ]);
  });

  it("says how a clean would end it, and what it would cancel", async () => {
    await host.ask("open");
    const record = host.book.get("web1_res");
    if (record !== undefined) record.operation = "online";

    expect((await tried("clean", {}, { reason: 4 })).steps).toEqual([
      "online, which runs now, is cancelled",
      "the guest is ended by force (reason: unexpected offline)",
      "libvirt is asked to destroy it; after 27 s without an end its emulator is ended: SIGTERM, then SIGKILL",
      "/proc is searched: only when no emulator of the guest is left, the clean succeeds",
      "exit code 0 when it is proved gone, else 1, and the engine calls again",
    ]);
    expect((await tried("online")).steps[0]).toBe("waits until online of the guest has ended");
  });

  it("says that a migration in doubt comes before everything else", async () => {
    await host.ask("open");
    await host.facts.migrations.end("web1", undefined, "node2", { kind: "doubtful", why: "node2 is silent" });

    expect((await tried("online")).steps).toEqual([
      "both ends of its migration to node2 are read first; unless they prove that it is here, it is not started",
    ]);
    expect((await tried("monitor")).answer).toMatchObject({ state: "UNKNOWN", code: 99 });
  });

  it("says where a migration would go, or why it would not", async () => {
    host.platform.readings.set("web1", RUNNING);
    expect((await tried("migrate", { VCSInfo: ["TargetHost", "node2"] })).steps[0]).toBe(
      "node2 is asked whether it can take the guest; if not: refused",
    );
    expect((await tried("migrate")).steps[0]).toBe("refused: VCSInfo names no target host");
  });

  it.each(
    (["online", "offline", "clean", "migrate"] as const).flatMap((name) =>
      [
        aReading(),
        RUNNING,
        aReading({ active: true, suspended: "paused", state: INTENTIONAL_OFFLINE }),
        aReading({ active: true, state: OFFLINE }),
        aReading({ active: true, migrating: true, state: online(100) }),
        aReading({ active: true, state: online(20) }),
      ].map((reading) => ({ name, reading, text: JSON.stringify(reading) })),
    ),
  )("foretells what $name then asks of a guest that was read as $text", async ({ name, reading }) => {
    host.platform.readings.set("web1", reading);
    host.platform.deeds.migrate = () => Promise.resolve({ kind: "stayed", why: "told by the test" });
    const attributes = {
      DelayAfterGuestOffline: "1",
      DelayAfterGuestOnline: "0",
      VCSInfo: ["TargetHost", "node2"],
    };
    await host.ask("open");
    const steps = (await tried(name, attributes)).steps.join("; ");
    const from = host.platform.calls.length;

    await host.ask(name, { more: attributes });

    const asked = host.platform.calls.slice(from).join("; ");
    for (const [words, call] of FORETOLD)
      expect([words.source, words.test(steps)]).toEqual([words.source, call.test(asked)]);
  });

  it("reports attributes that cannot be right, and the exit code that comes of it", async () => {
    expect(await tried("monitor", { DelayAfterGuestOnline: "soon" })).toMatchObject({
      resource: "web1_res",
      problems: ['resource web1_res: DelayAfterGuestOnline = "soon": must be whole seconds, 0 or more'],
      steps: ["nothing is asked or done: exit code 99, and the log says why"],
      answer: null,
    });
    expect((await tried("attr_changed")).problems).toEqual([
      "resource web1_res is not open here; its attributes come with the next request",
    ]);
  });

  it("stops a guest by the attributes of the last good request", async () => {
    await host.ask("open");

    const { problems, guest } = await tried("clean", { ResyncVMCfg: "perhaps" });

    expect(guest).toBe("web1");
    expect(problems).toEqual([
      'resource web1_res: ResyncVMCfg = "perhaps": must be 0 or 1; the attributes of the last good request serve',
    ]);
  });

  it("says when the guest cannot be read", async () => {
    host.platform.trouble = new AgentError("PLATFORM_DOWN", "libvirt cannot be asked");

    expect(await tried("monitor")).toMatchObject({
      problems: ["the guest cannot be read now: libvirt cannot be asked"],
      steps: ["libvirt is asked for the guest's state", "nothing is proved: UNKNOWN, exit code 99"],
    });
  });

  it("does not ask RHEV-M for a guest that is not kept here", async () => {
    const RHEVMInfo = ["Enabled", "1", "URL", "https://m", "User", "u", "Password", "geheim"];

    const said = await tried("monitor", { RHEVMInfo });

    expect(said).toMatchObject({ environment: "rhev", answer: null });
    expect(said.problems[0]).toMatch(/^the guest is not read/);
    expect(host.platform.calls).toEqual([]);
    expect(JSON.stringify(said)).not.toContain("geheim");
  });

  it("refuses a guest of both environments, and an action that is none", async () => {
    host.book.open(
      "other",
      attributesOfGuest("web1", { rhevmInfo: { enabled: true, useManualRhevmFencing: false } }),
    );

    expect((await tried("online")).problems[0]).toContain("resource other has a guest of this name");
    const action = await dryRun(parts(), { kind: "action", name: "nope", args: ["r"], signal: never });
    expect(action.problems).toEqual(["there is no action nope"]);
  });

  it("has an answer to any arguments, in the form that kvmguestctl reads", async () => {
    const word = fc.oneof(
      fc.constantFrom("GuestName", "1", "2", "web1", "RHEVMInfo", "Enabled", "AEPTimeout", "0", ""),
      fc.string(),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...NAMES), fc.array(word, { maxLength: 8 }), async (name, args) => {
        const said = await dryRun(parts(), { kind: "entry-point", name, args, signal: never });
        expect(parseDryRun(JSON.stringify(said)).steps.length).toBeGreaterThan(0);
      }),
    );
    expect(host.book.all()).toEqual([]);
  });
});
