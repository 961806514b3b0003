import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { drOptions, NORTH, type SiteNetwork, SOUTH } from "../support/dr-options.ts";
import { requestArguments } from "../support/fakes/resources.ts";
import { type Host, makeHost } from "../support/host/host.ts";
import { defineGuest, domainState } from "../support/lab/guest.ts";
import { type GuestFiles, guestFiles } from "../support/lab/guest-files.ts";
import { guestXml } from "../support/lab/guest-xml.ts";
import { run } from "../support/lab/run.ts";
import { until } from "../support/lab/until.ts";

const DISK_OF_IDE = "<disk type='file' device='cdrom'><target dev='hdd' bus='ide'/><readonly/></disk>";

let host: Host;
let files: GuestFiles;
let syncDir: string;

beforeAll(async () => {
  host = await makeHost();
  files = await guestFiles();
  syncDir = join(host.folder, "sync");
  await mkdir(syncDir);
  await host.startDaemon();
});

afterAll(() => host.stop());

const imageOf = (name: string) => join(host.stateDirectory, "payload", `${name}.iso`);
const xmlOf = (name: string, ...how: string[]) => host.libvirtd.virsh("dumpxml", ...how, name);

async function call(
  entryPoint: "online" | "offline" | "clean" | "open",
  name: string,
  site: SiteNetwork | undefined,
): Promise<number> {
  const attributes = {
    GuestName: name,
    DelayAfterGuestOnline: "0",
    SyncDir: syncDir,
    DROpts: drOptions(site),
  };
  const reason = entryPoint === "clean" ? { reason: 1 } : {};
  const words = requestArguments(name, attributes, { timeoutS: 120, ...reason });
  return (await host.shim(entryPoint, ...words)).exitCode;
}

/** The file on the image of a guest, as another program than ours reads it. */
async function payloadOf(name: string): Promise<string> {
  const { stdout } = await run("isoinfo", ["-R", "-x", "/vcsnet.conf", "-i", imageOf(name)]);
  return stdout;
}

async function start(name: string, site: SiteNetwork | undefined): Promise<void> {
  await call("online", name, site);
  await until("it runs", async () => (await domainState(host.libvirtd, name)).startsWith("running"));
}

describe("online of a guest with DROpts", () => {
  it("gives it a CD-ROM with the site's network, and other values at its next start", async () => {
    await defineGuest(host.libvirtd, { name: "web1", files, kind: "sector", devices: DISK_OF_IDE });
    const before = await xmlOf("web1", "--inactive");
    await call("open", "web1", NORTH);
    await start("web1", NORTH);

    expect(await payloadOf("web1")).toContain(
      "vcsnet=1\nresource=web1\nguest=web1\naddress=10.1.2.3\nprefix=24\ngateway=10.1.2.1\ndns=10.1.2.53\nsearch=north.example.com\nsha256=",
    );
    const running = await xmlOf("web1");
    expect(running).toContain(`<source file='${imageOf("web1")}'`);
    expect(running).toContain("<target dev='hdc' bus='ide'/>");
    expect(running).toContain("<serial>VCSNET</serial>");
    await call("clean", "web1", NORTH);
    await start("web1", SOUTH);
    expect(await payloadOf("web1")).toContain("address=10.9.2.3\n");
    expect((await xmlOf("web1")).match(/VCSNET/g)).toHaveLength(1);

    await call("clean", "web1", SOUTH);
    await start("web1", undefined);

    expect(await xmlOf("web1", "--inactive")).toBe(before);
    await expect(readFile(imageOf("web1"))).rejects.toThrow("ENOENT");
    await call("clean", "web1", undefined);
  });

  it("keeps the CD-ROM out of the copies in SyncDir", async () => {
    await defineGuest(host.libvirtd, { name: "copied", files, kind: "sector", devices: DISK_OF_IDE });
    const before = await xmlOf("copied", "--inactive");
    await call("open", "copied", NORTH);
    await start("copied", NORTH);
    await call("clean", "copied", NORTH);

    expect(await xmlOf("copied", "--inactive")).toContain("VCSNET");
    expect((await readFile(join(syncDir, "copied.xml"), "utf8")).trim()).toBe(before.trim());
  });

  it("takes a free place on a q35 machine", async () => {
    const xml = guestXml({ name: "modern", files, kind: "sector" }).replace("machine='pc'", "machine='q35'");
    const path = join(host.folder, "modern.xml");
    await run("sh", ["-c", 'printf %s "$1" >"$2"', "sh", xml, path]);
    await host.libvirtd.virsh("define", path);
    await call("open", "modern", NORTH);
    await start("modern", NORTH);

    expect(await xmlOf("modern")).toContain("<target dev='sdf' bus='sata'/>");
    await call("clean", "modern", NORTH);
  });

  it("does not start the guest when a key is wrong, and says which", async () => {
    await defineGuest(host.libvirtd, { name: "wrong", files, kind: "sector" });
    await call("open", "wrong", NORTH);
    await call("online", "wrong", { ...NORTH, gateway: "10.77.0.1" });

    expect(await domainState(host.libvirtd, "wrong")).toMatch(/^shut off/);
    expect(JSON.stringify(host.daemon.lines)).toContain(
      'resource wrong: DROpts.Gateway = \\"10.77.0.1\\": is not in the network 10.1.2.0/24',
    );
    expect(await xmlOf("wrong", "--inactive")).not.toContain("VCSNET");
  });

  it("starts a guest whose image somebody removed, when it is started by hand", async () => {
    await defineGuest(host.libvirtd, { name: "byhand", files, kind: "sector" });
    await call("open", "byhand", NORTH);
    await start("byhand", NORTH);
    await call("clean", "byhand", NORTH);
    await run("rm", [imageOf("byhand")]);
    await host.libvirtd.virsh("start", "byhand");

    expect(await domainState(host.libvirtd, "byhand")).toMatch(/^running/);
    await host.libvirtd.virsh("destroy", "byhand");
  });
});
