import { chmod, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Host, makeHost } from "../support/host/host.ts";
import { type CommandEnd, kvmguestctl, RunningCommand } from "../support/host/operator.ts";
import { ask } from "../support/ipc/http-client.ts";
import { until } from "../support/lab/until.ts";
import { argumentsOf } from "../support/trouble/entry-point-run.ts";
import { runSectorGuests } from "../support/trouble/sector-guests.ts";

const SECRET = "Kranich4711Vogel";
const RHEVM = ["Enabled", "0", "URL", "https://m/", "User", "admin@internal", "Password", SECRET];
const web1 = { resource: "vm1", guest: "web1", tuples: { RHEVMInfo: [...RHEVM, "Cluster", "NONE"] } };
const NOBODY = 65_534;

describe("kvmguestctl beside a daemon", () => {
  let host: Host;
  let readOnly: string;
  /** Everything it has printed. */
  const printed: string[] = [];

  const ctl = async (...args: string[]): Promise<CommandEnd> => {
    const end = await kvmguestctl(["--socket", host.socket, ...args]);
    printed.push(end.out, end.complaints);
    return end;
  };
  const json = async (...args: string[]): Promise<unknown> => JSON.parse((await ctl("--json", ...args)).out);

  beforeAll(async () => {
    host = await makeHost();
    readOnly = join(host.folder, "read/agent.sock");
    await host.configure(`readOnlySocket: { path: ${readOnly}, gid: ${NOBODY} }\nmonitorIntervalS: 1`);
    await chmod(host.folder, 0o755);
    await runSectorGuests(host.libvirtd, ["web1"]);
    await host.daemon.start();
    await host.shim("open", ...argumentsOf("open", web1));
    await until(
      "the engine is told ONLINE",
      async () => (await host.shim("monitor", ...argumentsOf("monitor", web1))).exitCode === 110,
    );
  });

  afterAll(() => host.stop());

  it("shows the status as a table and as JSON, also to a group that may only read", async () => {
    const { out, complaints, exitCode } = await ctl("status");

    expect({ complaints, exitCode }).toEqual({ complaints: "", exitCode: 0 });
    expect(out).toMatch(/^RESOURCE +GUEST +ENV +STATE +CONF +AGE +SOURCE +REASON\n/);
    expect(out).toMatch(/\nvm1 +web1 +kvm +ONLINE +100 +(now|\d+ s) +libvirt +libvirt says running/);
    expect(await json("status", "web1")).toMatchObject([
      { resource: "vm1", guest: "web1", environment: "kvm", answer: { confidence: 100, code: 110 } },
    ]);
    const { out: read } = await kvmguestctl(["status", "--socket", readOnly], { uid: NOBODY });
    expect(read).toMatch(/\nvm1 +web1 +kvm +ONLINE/);
  });

  it("tells why: what happened, what was decided, what happens next", async () => {
    const watch = new RunningCommand(["--socket", host.socket, "watch", "--interval", "0.2"]);
    const events = new RunningCommand(["--socket", host.socket, "events", "--follow", "vm1"]);
    await watch.prints(/vm1 +web1 +kvm +ONLINE/);
    await events.prints(/vm1 {2}entry point ended: entryPoint open/);
    await until("the follower has read it", async () =>
      (await ctl("why", "vm1")).out.includes("last read: ONLINE"),
    );
    await host.libvirtd.virsh("destroy", "web1");
    await events.prints(/libvirt tells of a guest: event Stopped Destroyed/);
    await events.prints(/guest changed state: from ONLINE\(100\), state OFFLINE/);

    await events.prints(/engine cannot be asked to probe: reason hares/);
    const before = (await ctl("why", "vm1")).out;
    await host.shim("monitor", ...argumentsOf("monitor", web1));
    const after = (await ctl("why", "web1")).out;
    await watch.prints(/vm1 +web1 +kvm +OFFLINE +-/);

    expect(before).toContain("the engine was told: ONLINE(100) (exit code 110)");
    expect(before).toContain("The engine was told ONLINE(100); its next monitor is answered OFFLINE");
    expect(before).toMatch(
      /The engine is asked to probe \(hares -probe\).* It did not take the last request/,
    );
    expect(after).toContain(
      "the engine was told: OFFLINE (exit code 100): libvirt says shut off (destroyed)",
    );
    expect(after).toContain("The next monitor is answered OFFLINE again: nothing follows from that.");
    expect(after).toContain("engine is told a new state: entryPoint monitor, from ONLINE(100), state OFFLINE");
    expect([await watch.end(), await events.end()]).toEqual([0, 0]);
    printed.push(watch.out, events.out);
  });

  it("says what an entry point would do, and does nothing of it", async () => {
    const unknown = { ...web1, resource: "vm2", guest: "web2" };
    const said = (await ctl("entry-point", "--dry-run", "online", "vm1")).out;
    const clean = await json("entry-point", "clean", "-n", "--", ...argumentsOf("clean", unknown));

    expect(said).toContain("online of resource vm1, guest web1 (kvm): nothing is done");
    expect(said).toContain("libvirt is asked to start the guest");
    expect(clean).toMatchObject({ registered: false, guest: "web2", answer: { state: "OFFLINE" } });
    expect(await json("entry-point", "-n", "monitor", "vm1", "GuestName", "2", SECRET)).toMatchObject({
      problems: ["the tuple that begins with argument 1 promises 2 values and brings 1"],
    });
    expect(await host.libvirtd.virsh("domstate", "web1")).toContain("shut off");
    expect(await json("status")).toHaveLength(1);
  });

  it("runs an entry point, which tells the engine nothing", async () => {
    const online = await ctl("entry-point", "online", "vm1");
    const monitor = await json("entry-point", "monitor", ...argumentsOf("monitor", web1));

    expect(online.out).toMatch(/^online: exit code 0: the engine would run its monitor at once/);
    expect(monitor).toMatchObject({ exitCode: 110, meaning: "ONLINE, confidence 100" });
    expect(await json("status")).toMatchObject([{ told: "OFFLINE", reading: { state: "ONLINE(100)" } }]);
  });

  it("changes the log level, on the agent's own socket only", async () => {
    expect((await ctl("log-level")).out).toBe("debug\n");
    expect((await ctl("log-level", "warn")).out).toMatch(/^log level warn \(it was debug\)/);
    expect(await json("log-level")).toMatchObject({ level: "warn" });

    const { exitCode, complaints } = await kvmguestctl(["log-level", "debug", "--socket", readOnly]);
    expect({ exitCode, complaints }).toEqual({
      exitCode: 4,
      complaints: "kvmguestctl: this socket is for reading only: use the agent's socket\n",
    });
  });

  it("shows no password anywhere", async () => {
    const paths = ["/v1/guests", "/v1/guests/web1/why", "/v1/history", "/v1/resources/vm1/attributes"];
    const views = await Promise.all(paths.map(async (path) => (await ask(host.socket, "GET", path)).body));

    expect(views.join("")).toContain("admin@internal");
    expect([...printed, ...views, JSON.stringify(host.daemon.lines)].join("\n")).not.toContain(SECRET);
  });

  it("ends with one clear line for each daemon that cannot answer", async () => {
    const refused = await kvmguestctl(["status", "--socket", host.socket], { uid: NOBODY });
    const missing = await ctl("why", "web9");
    expect((await ctl("--version")).out).toMatch(/^\d+\.\d+\.\d+\n$/);
    await host.daemon.freeze();
    const hung = await ctl("status", "--timeout", "1");
    host.daemon.signal("SIGCONT");
    await host.daemon.kill();
    const stale = await ctl("watch");
    await rm(host.socket);
    const gone = await ctl("log-level");

    const said = [refused, missing, hung, stale, gone].map(({ exitCode, out, complaints }) => [
      exitCode,
      out,
      complaints.replaceAll(host.socket, "SOCKET"),
    ]);
    expect(said).toEqual([
      [
        4,
        "",
        "kvmguestctl: this user may not use SOCKET: run it as root, or name the read-only socket with --socket\n",
      ],
      [6, "", 'kvmguestctl: no guest and no resource here is named "web9": kvmguestctl status lists them\n'],
      [
        5,
        "",
        "kvmguestctl: no answer at SOCKET within 1 s: vcskvmguestd hangs or is stopped; systemctl restart vcskvmguestd touches no guest\n",
      ],
      [3, "", "kvmguestctl: nobody answers at SOCKET, its daemon is gone: systemctl start vcskvmguestd\n"],
      [
        3,
        "",
        "kvmguestctl: there is no socket SOCKET: vcskvmguestd does not run (systemctl status vcskvmguestd), or it has another socket (--socket)\n",
      ],
    ]);
    await until("the daemon is gone", () => host.daemon.said("daemon serves").length > 0);
  });
});
