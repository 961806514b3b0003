import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Host, makeHost } from "../support/host/host.ts";
import { until } from "../support/lab/until.ts";
import { configure } from "../support/trouble/configuration.ts";
import { monitorCode, runEntryPoint } from "../support/trouble/entry-point-run.ts";
import { runSectorGuests } from "../support/trouble/sector-guests.ts";
import { resourcesOf } from "../support/trouble/views.ts";

const ONLINE_100 = 110;
const OFFLINE = 100;

const CANNOT_WRITE = "registration cannot be written, a restart would lose it";

const web1 = { resource: "r1", guest: "web1", timeoutS: 30 };

describe("the daemon's state directory", () => {
  let host: Host;

  beforeAll(async () => {
    host = await makeHost();
    await runSectorGuests(host.libvirtd, ["web1"]);
  });

  afterEach(() => host.daemon.stop());
  afterAll(() => host.stop());

  /** Runs the daemon where its state directory is a file system of its own; only the daemon sees that. */
  async function startOn(mounting: string, stateDirectory: string): Promise<number> {
    await configure(host, { stateDirectory });
    const from = host.daemon.lines.length;
    const mount = `${mounting} && shift && exec "$@"`;
    await host.startDaemon({
      wrapper: ["unshare", "--mount", "--propagation", "private", "sh", "-c", mount, stateDirectory, "-"],
    });
    return from;
  }

  async function everyEntryPointWorks(): Promise<void> {
    const codes: (number | null)[] = [];
    await host.libvirtd.virsh("start", "web1").catch(() => ""); // it runs already
    for (const name of ["open", "monitor", "clean", "monitor", "online", "monitor", "close", "monitor"]) {
      codes.push((await runEntryPoint(host, name, web1)).exitCode);
    }
    expect(codes).toEqual([0, ONLINE_100, 0, OFFLINE, 0, ONLINE_100, 0, ONLINE_100]);
  }

  it("may be read-only from the start: everything works, and the log says what a restart would lose", async () => {
    const folder = join(host.folder, "readonly");
    await mkdir(folder);
    const from = await startOn(`mount -t tmpfs -o ro tmpfs "$0"`, folder);

    await everyEntryPointWorks();

    const lines = host.daemon.lines.slice(from);
    const kept = "registrations cannot be kept, resources are known when the engine asks";
    expect(lines.filter(({ msg }) => msg === kept)).toHaveLength(1);
    expect(JSON.stringify(lines)).toContain("EROFS");
    // opened, closed and asked for again: once each, however many changes there were
    expect(lines.filter(({ msg }) => msg === CANNOT_WRITE).length).toBeLessThanOrEqual(2);
    expect(lines.filter(({ msg }) => msg === "entry point failed in a way nobody foresaw")).toEqual([]);
  });

  it("may become read-only with registrations in it: they are known, and close says what it could not do", async () => {
    await configure(host);
    await host.startDaemon();
    expect(await monitorCode(host, web1)).toBe(ONLINE_100);
    await until("it is on disk", async () => (await registrations()).includes("r1.json"));
    await host.daemon.stop();
    await writeFile(join(host.stateDirectory, "registrations/r1.json.0.tmp"), "half");

    const from = await startOn(
      `mount --bind -o ro "$0" "$0" && mount -o remount,bind,ro "$0"`,
      host.stateDirectory,
    );
    expect([...(await resourcesOf(host.socket)).keys()]).toEqual(["r1"]);
    await everyEntryPointWorks();

    const messages = host.daemon.lines.slice(from).map(({ msg }) => msg);
    expect(messages).toContain("file that a crash left cannot be removed");
    expect(messages).toContain("registration cannot be removed, a restart would bring it back");
    expect(messages).toContain(CANNOT_WRITE);
  });

  it("may be full: everything works, the log says so once, and again when it is over", async () => {
    const folder = join(host.folder, "full");
    await mkdir(folder);
    const from = await startOn(
      `mount -t tmpfs -o size=16k tmpfs "$0" && head -c 16k /dev/zero >"$0/filler"`,
      folder,
    );

    await everyEntryPointWorks();
    expect(await monitorCode(host, web1)).toBe(ONLINE_100);

    const messages = () => host.daemon.lines.slice(from).map(({ msg }) => msg);
    expect(JSON.stringify(host.daemon.lines.slice(from))).toContain("ENOSPC");
    const complaints = messages().filter((msg) => msg === CANNOT_WRITE).length;
    expect(complaints).toBeGreaterThan(0);
    expect(complaints).toBeLessThanOrEqual(2);
    // from outside only the daemon's own root shows its file systems
    await writeFile(`/proc/${host.daemon.pid}/root${folder}/filler`, "");
    await runEntryPoint(host, "open", web1);
    await until("it is written", () => messages().includes("registration is written again"));
  });

  it("sets aside a registration that it cannot understand, and keeps the others", async () => {
    await configure(host);
    await host.startDaemon();
    await runEntryPoint(host, "open", web1);
    await runEntryPoint(host, "open", { ...web1, resource: "r2" });
    await host.daemon.kill();
    const good = await readFile(file("r1.json"), "utf8");
    await writeFile(file("r2.json"), good.slice(0, good.length / 2));
    await writeFile(file("r3.json"), good.replace('"version": 1', '"version": 2'));
    await writeFile(file("r4.json"), "");
    await writeFile(file("r5.json.0.tmp"), "half");

    const from = host.daemon.lines.length;
    await host.startDaemon();

    expect([...(await resourcesOf(host.socket)).keys()]).toEqual(["r1"]);
    const asides = (await registrations()).filter((name) => name !== "r1.json").toSorted();
    expect(asides).toEqual(["r2.json.unreadable", "r3.json.unreadable", "r4.json.unreadable"]);
    const said = host.daemon.lines
      .slice(from)
      .filter(({ msg }) => msg.startsWith("registration cannot be read"));
    expect(said).toHaveLength(3);
    expect(await monitorCode(host, { ...web1, resource: "r2" })).toBe(ONLINE_100);
  });

  const file = (name: string) => join(host.stateDirectory, "registrations", name);
  const registrations = () => readdir(join(host.stateDirectory, "registrations"));
});
