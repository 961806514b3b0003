import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findRivals, type RivalFacts, type RivalPlaces } from "../../../src/kvm/rivals.ts";
import { type KvmHost, makeKvmHost } from "../../support/fakes/kvm-host.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";

/** The lines of libvirt-guests.sh, upstream and as Debian ships it. */
const UPSTREAM = 'URIS="default"\nON_BOOT="start"\nON_SHUTDOWN="suspend"\nSHUTDOWN_TIMEOUT=300\n';
const DEBIAN = 'URIS="default"\nON_BOOT="ignore"\nON_SHUTDOWN="shutdown"\nSHUTDOWN_TIMEOUT=300\n';

const QUIET: RivalFacts = { guest: "web1", autostart: false, lives: async () => false };
let folder: string;
let places: RivalPlaces;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "rivals-"));
  places = {
    unitFolders: [join(folder, "etc-units"), join(folder, "run-units")],
    settingsFiles: [join(folder, "script"), join(folder, "settings")],
    scopeFolders: [join(folder, "transient"), join(folder, "machine.slice")],
  };
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function found(facts: Partial<RivalFacts> = {}): Promise<string[]> {
  return (await findRivals({ ...QUIET, ...facts }, places)).map(({ level, text }) => `${level}: ${text}`);
}

async function put(name: string, text = ""): Promise<void> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

const enable = () => put("etc-units/multi-user.target.wants/libvirt-guests.service");

describe("a host without rivals", () => {
  it("has no findings, also without systemd", async () => {
    expect(await found()).toEqual([]);
    expect(await found({ autostart: undefined, lives: async () => undefined })).toEqual([]);
  });
});

describe("autostart (scenario 60)", () => {
  it("is named with the command that ends it", async () => {
    expect(await found({ autostart: true })).toEqual([
      "warn: autostart of guest web1 is set, so libvirt boots it with the host, wherever else it runs: virsh autostart --disable web1",
    ]);
  });
});

describe("the service libvirt-guests", () => {
  it.each([
    [
      "upstream's defaults",
      UPSTREAM,
      "",
      "it starts at boot the guests that ran before (ON_BOOT=start), and saves all guests to disk at shutdown (ON_SHUTDOWN=suspend), behind",
    ],
    [
      "Debian's defaults",
      DEBIAN,
      "#ON_BOOT=start\n",
      "it shuts all guests down with the host (ON_SHUTDOWN=shutdown), behind",
    ],
    [
      "own settings over the defaults",
      DEBIAN,
      "ON_BOOT='start'\n  ON_SHUTDOWN=suspend\n",
      "it starts at boot the guests that ran before (ON_BOOT=start), and saves all guests to disk at shutdown (ON_SHUTDOWN=suspend), behind",
    ],
    [
      "no settings to be found",
      undefined,
      undefined,
      "it starts at boot the guests that ran before (ON_BOOT=start), and saves",
    ],
  ])("is named with what it does, by %s", async (_what, script, settings, words) => {
    await enable();
    if (script !== undefined) await put("script", script);
    if (settings !== undefined) await put("settings", settings);

    const [finding, ...more] = await found();

    expect(finding).toContain(`warn: libvirt-guests is enabled: ${words}`);
    expect(finding).toContain("systemctl disable libvirt-guests, and do not stop it while guests run");
    expect(more).toEqual([]);
  });

  it("is found where another unit requires it", async () => {
    await put("run-units/some.target.requires/libvirt-guests.service");

    expect(await found()).toHaveLength(1);
  });

  it("is no rival while it is not enabled, or masked", async () => {
    await put("settings", "ON_BOOT=start\n");
    await put("etc-units/multi-user.target.wants/other.service");
    expect(await found()).toEqual([]);

    await enable();
    await symlink("/dev/null", join(folder, "etc-units/libvirt-guests.service"));
    expect(await found()).toEqual([]);
  });
});

describe("a scope of systemd (scenario 62)", () => {
  const scope = "machine-qemu\\x2d3\\x2dweb1.scope";

  it.each(["transient", "machine.slice"])(
    "is named when it is left in %s without an emulator",
    async (where) => {
      await put(`${where}/${scope}`);

      expect(await found()).toEqual([
        `warn: scope ${scope} of systemd is left of an earlier run of guest web1, and libvirt may refuse its start ("already exists"): systemctl stop '${scope}'`,
      ]);
    },
  );

  it("is named once though it is seen twice", async () => {
    await put(`transient/${scope}`);
    await mkdir(join(folder, "machine.slice", scope), { recursive: true });

    expect(await found()).toHaveLength(1);
  });

  it("is the guest's own while its emulator lives, and proves nothing while that is not known", async () => {
    await put(`transient/${scope}`);

    expect(await found({ lives: async () => true })).toEqual([]);
    expect(await found({ lives: async () => undefined })).toEqual([]);
  });

  it("of another guest is none of its business", async () => {
    for (const name of ["web11", "my-web1", "web1.a"]) {
      await put(`transient/machine-qemu\\x2d3\\x2d${name.replaceAll("-", "\\x2d")}.scope`);
    }
    await put("transient/machine-lxc\\x2d3\\x2dweb1.scope");
    await put("transient/session-3.scope");

    expect(await found()).toEqual([]);
  });

  // as libvirt names them: domain_driver.c, virDomainDriverGenerateMachineName
  it.each([
    ["db_1.example.org", "machine-qemu\\x2d12\\x2ddb1.example.org.scope"],
    ["a--b..c-", "machine-qemu\\x2d12\\x2da\\x2db.c.scope"],
    ["-web 1", "machine-qemu\\x2d12\\x2dweb1.scope"],
    ["größe", "machine-qemu\\x2d12\\x2dgre.scope"],
    ["x".repeat(80), `machine-qemu\\x2d12\\x2d${"x".repeat(56)}.scope`],
  ])("is known by libvirt's form of the name %s", async (guest, name) => {
    await put(`transient/${name}`);

    expect(await found({ guest })).toHaveLength(1);
  });
});

describe("the platform's check of a resource", () => {
  let host: KvmHost;

  beforeEach(async () => {
    host = await makeKvmHost();
  });

  afterEach(async () => {
    await host.stop();
  });

  async function check(): Promise<string[]> {
    const attributes = attributesOfGuest("web1");
    const findings = await host.clock.until(host.platform.validate(attributes, new AbortController().signal));
    return findings.map(({ text }) => text.split(":")[0] ?? "");
  }

  async function leaveScope(): Promise<void> {
    await mkdir(join(host.runDirectory, "scopes"));
    await writeFile(join(host.runDirectory, "scopes/machine-qemu\\x2d3\\x2dweb1.scope"), "");
  }

  it("names the rivals of a guest that is off", async () => {
    host.libvirtd.define("web1").autostart = true;
    await leaveScope();
    await mkdir(join(host.runDirectory, "units/multi-user.target.wants"), { recursive: true });
    await writeFile(join(host.runDirectory, "units/multi-user.target.wants/libvirt-guests.service"), "");

    expect(await check()).toEqual([
      "autostart of guest web1 is set, so libvirt boots it with the host, wherever else it runs",
      "libvirt-guests is enabled",
      'scope machine-qemu\\x2d3\\x2dweb1.scope of systemd is left of an earlier run of guest web1, and libvirt may refuse its start ("already exists")',
    ]);
  });

  it("leaves the scope of a running guest alone", async () => {
    const { uuid } = host.libvirtd.define("web1");
    await host.clock.until(host.libvirtd.create(uuid));
    await leaveScope();

    expect(await check()).toEqual([]);
  });

  it("leaves the scope of an emulator alone that libvirt has lost sight of", async () => {
    const { uuid } = host.libvirtd.define("web1");
    await host.clock.hold(host.emulators.begin("web1", uuid));
    await leaveScope();

    expect(await check()).toEqual([]);
  });

  it("says nothing of a guest that libvirt does not know", async () => {
    await leaveScope();

    expect(await check()).toEqual([
      "guest web1 is not defined on this host and GuestConfigFilePath is not set",
    ]);
  });
});
