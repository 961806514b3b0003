import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Host } from "../support/host/host.ts";
import { defineGuest, killEmulator } from "../support/lab/guest.ts";
import { run } from "../support/lab/run.ts";
import { until } from "../support/lab/until.ts";
import { makeTrials, type Trial, type Trials } from "../support/migrations/trial.ts";

const ON_SOURCE = { emulators: ["node1"], states: ["ONLINE", "OFFLINE"], deeds: [], bothOnline: 0 };

let trials: Trials;
let trial: Trial;
let one: Host;
let two: Host;

beforeAll(async () => {
  trials = await makeTrials({
    "target-killed": "",
    "libvirtd-killed": "",
    "libvirtd-frozen": "",
    "daemon-killed": "",
    namesake: "",
    "no-memory": "",
    "no-file": "",
  });
  [one, two] = [trials.cluster.on("node1"), trials.cluster.on("node2")];
});

afterEach(() => trial.end());

afterAll(() => trials.stop());

/** What the daemon of the source says of a migration that left the guest there. */
function whyStayed(): string {
  const [line] = trial.said("node1", "guest has not migrated", { end: "stayed" });
  return String(line?.["reason"]);
}

describe("a migration that is interrupted on the target", () => {
  it("leaves the guest where it runs when the incoming emulator is killed", async () => {
    trial = await trials.begin("target-killed");
    const { ended } = await trial.migrate();

    await killEmulator(two.libvirtd, "target-killed");

    expect(await ended).toBe("ONLINE");
    expect(await trial.rest(["ONLINE", "OFFLINE"])).toEqual(ON_SOURCE);
    expect(whyStayed()).toMatch(/libvirt here says running \(booted\), node2: not defined$/);
    expect(await trial.record("node1")).toBeUndefined();
  });

  it("leaves the guest where it runs when libvirtd is killed there and comes back", async () => {
    trial = await trials.begin("libvirtd-killed");
    const { ended } = await trial.migrate();

    await two.libvirtd.kill();
    await ended;
    expect(whyStayed()).toMatch(
      /libvirt here says running \(booted\), node2: cannot be read \(.*ECONNREFUSED\)\)$/,
    );
    await two.libvirtd.restart();

    expect(await trial.rest(["ONLINE", "OFFLINE"])).toEqual(ON_SOURCE);
    expect(trial.reason("node2")).toMatch(/^not defined on this host/);
  });

  it("leaves the guest where it runs when libvirtd is frozen there and goes on", async () => {
    trial = await trials.begin("libvirtd-frozen");
    const { ended } = await trial.migrate();

    await two.libvirtd.freeze();
    await ended;
    expect(whyStayed()).toMatch(/node2: cannot be read \(reading .* did not end within 3000 ms\)$/);
    two.libvirtd.thaw();

    await until("one emulator is left", async () => (await trial.emulators()).length === 1);
    expect(await trial.rest(["ONLINE", "OFFLINE"])).toEqual(ON_SOURCE);
    expect(trial.reason("node2")).toMatch(/^not defined on this host/);
  });
});

describe("a migration whose target has a daemon that is killed and started again", () => {
  it("goes on, and the next daemon sees the guest arrive", async () => {
    trial = await trials.begin("daemon-killed");
    const { ended } = await trial.migrate();

    await two.daemon.kill();
    await two.daemon.start();
    await trial.letGo();

    expect(await ended).toBe("OFFLINE");
    expect(await trial.rest(["OFFLINE", "ONLINE"])).toEqual({
      ...ON_SOURCE,
      emulators: ["node2"],
      states: ["OFFLINE", "ONLINE"],
    });
  });
});

describe("a migration that the target refuses", () => {
  it("leaves the guest where it runs when another guest has its name there", async () => {
    trial = await trials.begin("namesake");
    await defineGuest(two.libvirtd, { name: "namesake", files: trial.files, kind: "sector" });

    await one.engine.migrate("namesake", "node2");

    expect(await trial.rest(["ONLINE", "OFFLINE"])).toEqual(ON_SOURCE);
    expect(whyStayed()).toContain("domain 'namesake' already exists with uuid");
  });

  it("leaves the guest where it runs when there is no memory for it", async () => {
    trial = await trials.begin("no-memory", { memoryMiB: 2048 });
    const restore = await limitMemory(two.libvirtd.pid);

    await one.engine.migrate("no-memory", "node2");
    await restore();

    expect(await trial.rest(["ONLINE", "OFFLINE"])).toEqual(ON_SOURCE);
    expect(whyStayed()).toContain("Cannot allocate memory");
  });

  it("leaves the guest where it runs when a file of it is missing there", async () => {
    const image = "/var/lib/libvirt/images/tools.iso";
    const file = one.libvirtd.outsidePath(image);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, Buffer.alloc(1 << 20));
    const devices = `<disk type='file' device='cdrom'><source file='${image}'/><target dev='hdc' bus='ide'/><readonly/></disk>`;
    trial = await trials.begin("no-file", { devices });

    await one.engine.migrate("no-file", "node2");

    expect(await trial.rest(["ONLINE", "OFFLINE"])).toEqual(ON_SOURCE);
    expect(whyStayed()).toContain("Cannot access storage file '/var/lib/libvirt/images/tools.iso'");
    await rm(file);
  });
});

/** Leaves a libvirtd, and each emulator that it starts, hardly more memory than it has; returns what undoes that. */
async function limitMemory(pid: number): Promise<() => Promise<unknown>> {
  const status = await readFile(`/proc/${pid}/status`, "latin1");
  const hasKib = Number(/^VmSize:\s+(\d+) kB$/m.exec(status)?.[1]);
  const limit = (bytes: string) => run("prlimit", ["--pid", String(pid), `--as=${bytes}:`]);
  await limit(String(hasKib * 1024 + (300 << 20)));
  return () => limit("unlimited");
}
