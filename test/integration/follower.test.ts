import { rename } from "node:fs/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Host, makeHost } from "../support/host/host.ts";
import { processesWith } from "../support/ipc/processes.ts";
import { until } from "../support/lab/until.ts";
import { configure } from "../support/trouble/configuration.ts";
import { monitorCode, runEntryPoint } from "../support/trouble/entry-point-run.ts";
import { type RecordingHares, recordingHares } from "../support/trouble/recording-hares.ts";
import { guestNames, runSectorGuests } from "../support/trouble/sector-guests.ts";

const ONLINE_100 = 110;
const INTENTIONAL_OFFLINE = 200;

/** More than commands of the engine may run at once. */
const MANY = guestNames(9);
const RUNNING = ["deaf", "refused", "hung", "absent", "free", ...MANY];

const CANNOT = "engine cannot be asked to probe";

describe("the follower beside an engine that is in trouble", () => {
  let host: Host;
  let hares: RecordingHares;

  beforeAll(async () => {
    host = await makeHost();
    hares = await recordingHares(host.folder);
    await configure(host, { hares: hares.command, haresTimeoutS: 10, more: ["monitorIntervalS: 1"] });
    await runSectorGuests(host.libvirtd, RUNNING);
    await host.daemon.start();
    for (const name of RUNNING) await tell(name, ONLINE_100);
  });

  beforeEach(() => hares.behave("exit 0"));
  afterAll(() => host.stop());

  /** The engine runs its monitor, until that has this answer. */
  const tell = (guest: string, code: number) =>
    until(
      `the engine is told ${code} of ${guest}`,
      async () => (await monitorCode(host, of(guest))) === code,
    );
  const suspend = (...guests: string[]) =>
    host.libvirtd.virsh(guests.map((guest) => `suspend ${guest}`).join("; "));
  const resume = (...guests: string[]) =>
    host.libvirtd.virsh(guests.map((guest) => `resume ${guest}`).join("; "));
  const probesOf = async (guest: string) =>
    (await hares.calls()).filter((call) => call === `-probe r-${guest} -sys node1`);
  const asked = (guest: string, times: number) =>
    until(
      `the engine is asked ${times} times for ${guest}`,
      async () => (await probesOf(guest)).length >= times,
    );

  it("asks at once, again with growing pauses while no monitor comes or the engine refuses, and no more after one", async () => {
    const { daemon } = host;
    await hares.behave(`[ "$2" != r-refused ] || { echo "VCS ERROR V-16-1-10600 no engine" >&2; exit 1; }`);
    const since = performance.now();

    await suspend("deaf", "refused");
    await Promise.all([asked("deaf", 1), asked("refused", 1)]);
    const first = performance.now();
    await hares.behave("exit 0");
    await Promise.all([asked("deaf", 2), asked("refused", 2)]);
    const second = performance.now();
    expect(second - since).toBeGreaterThan(4500); // not with each look, once a second
    expect(first - since).toBeLessThan(second - first);
    await daemon.waitForLine("engine answers again", { resource: "r-refused" });
    expect(daemon.said(CANNOT, { resource: "r-refused" })).toHaveLength(1);
    expect(daemon.said(CANNOT, { resource: "r-refused" })[0]?.["reason"]).toContain("V-16-1-10600");

    await tell("deaf", INTENTIONAL_OFFLINE);
    await resume("deaf");
    await asked("deaf", 3); // at once: it is news
    expect(await probesOf("deaf")).toHaveLength(3);
    await tell("deaf", ONLINE_100);
  });

  it("ends a command that hangs, holds up no entry point for it, and asks once for all that came meanwhile", async () => {
    const { daemon } = host;
    await hares.behave(`case "$2" in r-hung) exec sleep 98765 ;; esac`);
    await suspend("hung");
    await asked("hung", 1);
    const sleeper = await until("it hangs", async () => (await processesWith("98765"))[0]);

    const ends = await Promise.all([
      runEntryPoint(host, "monitor", of("free")),
      runEntryPoint(host, "clean", of("free")),
      runEntryPoint(host, "monitor", of("hung")),
    ]);
    expect(await processesWith("98765")).toHaveLength(1); // none of them waited for it
    expect(ends.map(({ exitCode }) => exitCode)).toEqual([ONLINE_100, 0, INTENTIONAL_OFFLINE]);
    await resume("hung");
    await suspend("hung");
    await resume("hung");
    expect(await probesOf("hung")).toHaveLength(1); // the next one waits for it

    await hares.behave("exit 0");
    await until("the command is killed", async () => (await processesWith("98765")).length === 0);
    expect(daemon.said(CANNOT, { resource: "r-hung" })).toHaveLength(1);
    await asked("hung", 2);
    await tell("hung", ONLINE_100);
    expect((await probesOf("hung")).length).toBeLessThanOrEqual(3);
    expect(sleeper.pid).toBeGreaterThan(0);
  });

  it("runs few commands at once though many guests have news, and all of them in the end", async () => {
    await hares.behave("sleep 0.7; exit 0");
    let most = 0;

    await suspend(...MANY);
    await until("all are asked for", async () => {
      most = Math.max(most, (await processesWith(hares.command)).length);
      return (await Promise.all(MANY.map((name) => probesOf(name)))).every((calls) => calls.length > 0);
    });

    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(4);
    await Promise.all(MANY.map((name) => tell(name, INTENTIONAL_OFFLINE)));
  });

  it("works without the command, says so once, and asks when it is there again", async () => {
    const { daemon } = host;
    await rename(hares.command, `${hares.command}.gone`);

    await suspend("absent");
    await daemon.waitForLine(CANNOT, { resource: "r-absent" });
    expect((await runEntryPoint(host, "monitor", of("absent"))).exitCode).toBe(INTENTIONAL_OFFLINE);
    await resume("absent");
    await until(
      "the change is seen",
      () => daemon.said("guest changed state", { resource: "r-absent" }).length >= 2,
    );
    await rename(`${hares.command}.gone`, hares.command);

    await asked("absent", 1);
    expect(daemon.said(CANNOT, { resource: "r-absent" })).toHaveLength(1);
    expect(daemon.said(CANNOT, { resource: "r-absent" })[0]?.["reason"]).toContain("ENOENT");
  });

  it("asks for nothing that the engine knows, and for nothing that is closed", async () => {
    await runEntryPoint(host, "close", of("web00"));
    await tell("web01", INTENTIONAL_OFFLINE);
    const before = (await hares.calls()).length;

    await resume("web00");
    await resume("web01");
    await asked("web01", (await probesOf("web01")).length + 1);

    const calls = (await hares.calls()).slice(before);
    expect(calls.filter((call) => call.includes("r-web00"))).toEqual([]);
    await tell("web01", ONLINE_100);
  });
});

function of(guest: string) {
  return { resource: `r-${guest}`, guest, timeoutS: 30 };
}
