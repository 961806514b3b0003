import { readFile, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { guestFiles } from "../support/lab/guest-files.ts";
import { guestXml } from "../support/lab/guest-xml.ts";
import { run } from "../support/lab/run.ts";
import {
  type BuiltPackages,
  buildPackages,
  filesOfDeb,
  filesOfRpm,
  laterVersion,
} from "../support/packages/built-packages.ts";
import { repositoryFile } from "../support/repository.ts";
import { type Machine, makeMachine } from "../support/systemd/machine.ts";

const SERVICE = "vcskvmguestd.service";
const CONFIG = "/etc/vcskvmguestd/config.yaml";
const LATER = "99.0.1";
/** 110 MB are unpacked. */
const DPKG_LIMIT_MS = 120_000;

let built: BuiltPackages;
let later: string;
let machine: Machine;

beforeAll(async () => {
  built = await buildPackages();
  later = await laterVersion(built.hostDeb, LATER);
  const files = await guestFiles();
  machine = await makeMachine({
    [built.folder]: "/packages",
    [dirname(files.bootSector)]: "/guests",
    "/usr/bin/rpm": "/outside/rpm",
    "/usr/lib/x86_64-linux-gnu": "/outside/lib",
    "/usr/lib/rpm": "/outside/config",
  });
  // The machine's control groups are read only for it.
  await machine.write(
    "/etc/libvirt/qemu.conf",
    'security_driver = "none"\ncgroup_controllers = []\nnamespaces = []\n',
  );
  const inside = { ...files, bootSector: join("/guests", basename(files.bootSector)) };
  await machine.write("/root/web1.xml", guestXml({ name: "web1", files: inside, kind: "sector" }));
  await machine.boot();
}, 900_000);

afterAll(async () => {
  await machine.stop();
  await rm(built.folder, { recursive: true, force: true });
}, 120_000);

/** What a command line of sh says here, without its exit code. */
async function said(commands: string, limitMs?: number): Promise<string> {
  return (await machine.exec("sh", ["-c", `{ ${commands}\n} 2>&1 || :`], limitMs)).stdout;
}

function dpkg(...args: string[]): Promise<string> {
  return said(`DEBIAN_FRONTEND=noninteractive dpkg ${args.join(" ")}`, DPKG_LIMIT_MS);
}

function inside(file: string): string {
  return `/packages/${basename(file)}`;
}

/** The machine has no rpm: it runs ours, with our libraries. */
function rpm(words: string): Promise<string> {
  const program = "/outside/lib/ld-linux-x86-64.so.2 --library-path /outside/lib /outside/rpm";
  return said(`RPM_CONFIGDIR=/outside/config ${program} --nodeps ${words}`, DPKG_LIMIT_MS);
}

/** The commands that package.json names. */
async function programs(): Promise<string[]> {
  const manifest: unknown = JSON.parse(await readFile(repositoryFile("package.json"), "utf8"));
  const hasPrograms = typeof manifest === "object" && manifest !== null && "bin" in manifest;
  return Object.keys(hasPrograms && typeof manifest.bin === "object" ? (manifest.bin ?? {}) : {});
}

function health(): Promise<string> {
  return said("curl -sS --unix-socket /run/vcskvmguestd/agent.sock http://localhost/healthz");
}

describe("the packages of the host", () => {
  it("hold the same files, whatever their kind", async () => {
    const deb = await filesOfDeb(built.hostDeb);

    expect(await filesOfRpm(built.hostRpm)).toEqual(deb);
  });

  it("hold the shim under the name of every entry point and action, and all commands", async () => {
    const deb = await filesOfDeb(built.hostDeb);

    const shims = deb
      .filter((file) => file.includes("/bin/KVMGuest/"))
      .map((file) => file.replace(/.*KVMGuest\//, ""));
    expect(shims).toEqual([
      "actions/DevScan",
      "actions/guestmigrated",
      "actions/vmconfigsync",
      "attr_changed",
      "clean",
      "close",
      "migrate",
      "monitor",
      "offline",
      "online",
      "open",
      "shutdown",
    ]);
    const commands = deb
      .filter((file) => file.includes("/usr/sbin/"))
      .map((file) => file.replace(/.*sbin\//, ""));
    expect(commands.toSorted()).toEqual([...(await programs()), "vcskvmguestd-install-vcs"].toSorted());
  });

  it("hold nothing that only helps to write or debug the program", async () => {
    const files = await filesOfDeb(built.hostDeb);

    expect(files.filter((file) => /\.map$|\.[cm]?ts$|\/tests?\/|\/docs\/man\//.test(file))).toEqual([]);
  });

  it("need only what every host has", async () => {
    const fields = await run("dpkg-deb", ["--field", built.hostDeb, "Depends"]);
    const requires = await run("rpm", ["--query", "--package", "--requires", built.hostRpm]);

    expect(fields.stdout).toBe(
      "libc6 (>= 2.28), libgcc-s1 | libgcc1, libstdc++6 (>= 8), util-linux, perl-base",
    );
    expect(requires.stdout.split("\n").filter((line) => !/^rpmlib|^\/bin\/sh/.test(line))).toEqual([
      "/usr/bin/perl",
      "libc.so.6(GLIBC_2.28)(64bit)",
      "libgcc_s.so.1()(64bit)",
      "libstdc++.so.6(CXXABI_1.3.11)(64bit)",
      "util-linux",
    ]);
  });
});

/** In this order: one life of the package. */
describe("the deb in a clean Debian", () => {
  let guestPid = "";

  it("brings a daemon that serves, with neither Node.js, npm, compiler nor network beside it", async () => {
    expect(await said("command -v node npm gcc cc; ip -brief link")).toMatch(/^lo\s[^\n]*$/);
    await machine.exec("virsh", ["-q", "define", "/root/web1.xml"]);
    await machine.exec("virsh", ["-q", "start", "web1"]);
    guestPid = await said("cat /run/libvirt/qemu/web1.pid");

    expect(await dpkg("--install", inside(built.hostDeb))).not.toContain("error");

    expect(await machine.systemctl("is-enabled", SERVICE)).toBe("enabled");
    // Of this type: it has said READY.
    expect(await said(`systemctl show --property Type,ActiveState --value ${SERVICE}`)).toBe(
      "notify\nactive",
    );
    await expect.poll(health, { timeout: 60_000 }).toContain('"connected"');
    const pid = await machine.property(SERVICE, "MainPID");
    expect(await said(`readlink /proc/${pid}/exe`)).toBe("/opt/vcs-kvmguest/node/bin/node");
    expect(await said("/opt/vcs-kvmguest/node/bin/node --version")).toMatch(/^v(20|22|24)\./);
  });

  it("serves the entry points", async () => {
    const shims = "/opt/vcs-kvmguest/bin/KVMGuest";

    expect(
      await said(
        `${shims}/open web1_vm GuestName 1 web1; ${shims}/monitor web1_vm GuestName 1 web1; echo $?`,
      ),
    ).toBe("110");
  });

  it("brings units that systemd takes, and commands that answer", async () => {
    expect(await said("cd /usr/lib/systemd/system && systemd-analyze verify --man=no vcskvmguestd.*")).toBe(
      "",
    );
    for (const command of [...(await programs()), "vcskvmguestd-install-vcs"]) {
      expect(await said(`/usr/sbin/${command} --help`)).toMatch(/usage/i);
    }
  });

  it("keeps the old daemon at an upgrade when the new one would not take the configuration", async () => {
    const before = await machine.property(SERVICE, "MainPID");
    await machine.write(CONFIG, "log: { level: chatty }\n");
    await machine.systemctl("disable", SERVICE);

    const output = await dpkg("--force-confold", "--install", inside(built.hostDeb));

    expect(output).toContain("vcskvmguestd goes on in its old version");
    expect(await machine.property(SERVICE, "MainPID")).toBe(before);
    expect(await said(`systemctl is-enabled ${SERVICE}`)).toBe("disabled");
    await machine.systemctl("enable", SERVICE);
  });

  it("keeps the configuration at an upgrade, restarts the daemon and touches no guest", async () => {
    const before = await machine.property(SERVICE, "MainPID");
    await machine.write(CONFIG, "log: { level: debug }\n");

    await dpkg("--force-confold", "--install", inside(later));

    expect(await said("vcskvmguestd --version")).toContain(LATER);
    expect(await said(`cat ${CONFIG}`)).toBe("log: { level: debug }");
    expect(await said(`tail -n 1 ${CONFIG}.dpkg-dist`)).toBe("# a later version");
    expect(await machine.property(SERVICE, "MainPID")).not.toBe(before);
    await expect.poll(health, { timeout: 60_000 }).toContain('"connected"');
    expect(await said("cat /run/libvirt/qemu/web1.pid")).toBe(guestPid);
  });

  it("is not removed while a live cluster runs by it", async () => {
    await machine.write(
      "/opt/VRTSvcs/bin/hatype",
      "#!/bin/sh\n[ \"$*\" = '-value KVMGuest AgentDirectory' ] && echo /opt/vcs-kvmguest/bin/KVMGuest\n",
      0o755,
    );

    const output = await dpkg("--remove", "vcskvmguestd");

    expect(output).toContain("vcskvmguestd-install-vcs --undo --apply");
    expect(await machine.systemctl("is-active", SERVICE)).toBe("active");
    await rm(join(machine.root, "opt/VRTSvcs"), { recursive: true });
  });

  it("is removed with its daemon, and leaves guests, records and configuration", async () => {
    await machine.write("/var/lib/vcskvmguestd/migrations/web9.json", "{}");

    await dpkg("--remove", "vcskvmguestd");

    expect(await said(`systemctl is-active ${SERVICE}`)).toBe("inactive");
    expect(await said("ls -d /opt/vcs-kvmguest /usr/sbin/vcskvmguestd")).toContain(
      "cannot access '/opt/vcs-kvmguest'",
    );
    expect(await said("ls /var/lib/vcskvmguestd/migrations")).toBe("web9.json");
    expect(await said(`cat ${CONFIG}`)).toBe("log: { level: debug }");
    expect(await said("cat /run/libvirt/qemu/web1.pid")).toBe(guestPid);
  });

  it("serves again when it is installed again", async () => {
    await machine.exec("rm", ["-r", "/var/lib/vcskvmguestd/migrations/web9.json"]);

    await dpkg("--force-confold", "--install", inside(later));

    await expect.poll(health, { timeout: 60_000 }).toContain('"connected"');
  });

  it("leaves nothing of itself after a purge, and the guest as it is", async () => {
    await dpkg("--purge", "vcskvmguestd");

    expect(
      await said(
        "find / -xdev -iname '*vcskvmguest*' -not -path '/proc/*' -not -path '/packages/*' -not -path '/var/log/journal/*' -not -path '/sys/*'",
      ),
    ).toBe("");
    expect(await said("cat /run/libvirt/qemu/web1.pid")).toBe(guestPid);
  });
});

describe("the rpm", () => {
  it("starts the daemon, and restarts it when it comes again", async () => {
    await rpm(`--install ${inside(built.hostRpm)}`);
    expect(await machine.systemctl("is-enabled", SERVICE)).toBe("enabled");
    await expect.poll(health, { timeout: 60_000 }).toContain('"connected"');
    const before = await machine.property(SERVICE, "MainPID");

    await rpm(`--upgrade --replacepkgs --force ${inside(built.hostRpm)}`);

    expect(await machine.property(SERVICE, "MainPID")).not.toBe(before);
    await expect.poll(health, { timeout: 60_000 }).toContain('"connected"');
  });

  it("goes with its daemon and its units, and leaves the records", async () => {
    await machine.write("/var/lib/vcskvmguestd/migrations/web9.json", "{}");

    await rpm("--erase vcskvmguestd");

    expect(await said(`systemctl is-active ${SERVICE}`)).toBe("inactive");
    expect(await said("ls /opt; find /etc /usr -name '*vcskvmguestd*'")).toBe("");
    expect(await said("ls /var/lib/vcskvmguestd/migrations")).toBe("web9.json");
  });
});

describe("the packages of the guest", () => {
  it("hold the same files and need nothing", async () => {
    expect(await filesOfRpm(built.guestRpm)).toEqual(await filesOfDeb(built.guestDeb));
    expect((await run("dpkg-deb", ["--field", built.guestDeb, "Depends"])).stdout).toBe("");
    const requires = await run("rpm", ["--query", "--package", "--requires", built.guestRpm]);
    expect(requires.stdout.split("\n").filter((line) => !/^rpmlib|^\/bin\/sh/.test(line))).toEqual([]);
  });

  it("bring a service that is enabled, and does nothing without a CD-ROM", async () => {
    await dpkg("--install", inside(built.guestDeb));

    expect(await machine.systemctl("is-enabled", "vcs-net-reconfig.service")).toBe("enabled");
    await machine.systemctl("start", "vcs-net-reconfig.service");
    expect(await machine.property("vcs-net-reconfig.service", "Result")).toBe("success");
    expect(await said("ls /var/lib/vcs-net-reconfig")).toBe("");
    await dpkg("--purge", "vcs-net-reconfig");
    expect(
      await said("find / -xdev -name 'vcs-net-reconfig*' -not -path '/proc/*' -not -path '/packages/*'"),
    ).toBe("");
  });
});
