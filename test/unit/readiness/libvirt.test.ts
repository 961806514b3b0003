import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { libvirtCheck } from "../../../src/kvm/readiness/libvirt.ts";
import { LibvirtCallError } from "../../../src/libvirt/errors.ts";
import { FakeInspectedHost, type InspectedOptions, wordsOf } from "../../support/fakes/inspected-host.ts";

const never = new AbortController().signal;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "readiness-"));
});

afterEach(() => rm(folder, { recursive: true }));

/** What is said of a host with these sockets. */
async function said(there: readonly string[], options: InspectedOptions = {}): Promise<readonly string[]> {
  for (const name of there) await writeFile(join(folder, name), "");
  const sockets = ["virtqemud-sock", "libvirt-sock"].map((name) => join(folder, name));
  const check = libvirtCheck(new FakeInspectedHost(options).access, { uri: "qemu:///system", sockets });
  return wordsOf(await check.look(never)).map((text) => text.replaceAll(`${folder}/`, ""));
}

it("tells versions, and which kind of daemon answers", async () => {
  expect(await said(["libvirt-sock"])).toEqual([
    "ok: libvirt 9.0.0, QEMU 7.2.22, over libvirt-sock (libvirtd or a proxy of the modular daemons)",
  ]);
  expect(
    await said(["virtqemud-sock", "libvirt-sock"], { library: 11_003_000, emulator: 10_000_002 }),
  ).toEqual(["ok: libvirt 11.3.0, QEMU 10.0.2, over virtqemud-sock (modular daemon)"]);
});

it("warns of a libvirt that is older than what was tried", async () => {
  expect(await said(["libvirt-sock"], { library: 4_005_000 })).toEqual([
    "warning: libvirt 4.5.0, QEMU 7.2.22, over libvirt-sock (libvirtd or a proxy of the modular daemons): versions before 6.0 were not tried with this agent",
  ]);
});

it("has a problem where no socket is there, or nobody lets us in", async () => {
  expect(await said([])).toEqual(["problem: no socket of libvirt is there: virtqemud-sock, libvirt-sock"]);
  expect(await said(["libvirt-sock"], { refusal: new LibvirtCallError("auth", "polkit refuses") })).toEqual([
    "problem: libvirt-sock: asking for its version: polkit refuses",
  ]);
});
