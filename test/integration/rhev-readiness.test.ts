import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkReport } from "../support/host/check.ts";
import { makeHost } from "../support/host/host.ts";
import { startRhevmSimulator } from "../support/rhevm-simulator/simulator.ts";

const rhevm = await startRhevmSimulator({ hosts: ["node1", "node2"], vms: ["web1"] });
const host = await makeHost();
const password = join(host.folder, "rhevm-password");

beforeAll(async () => {
  await writeFile(password, "secret\n", { mode: 0o600 });
  await host.configure(`rhev: { host: node1, caFile: ${rhevm.caFile}, passwordFile: ${password} }`);
  await host.startEngine(
    `KVMGuest web1_res ( GuestName = web1
  RHEVMInfo = { Enabled = 1, URL = "${rhevm.url}", User = "admin@internal", Password = XYZ, Cluster = Default } )
KVMGuest web2_res ( GuestName = web2
  RHEVMInfo = { Enabled = 1, URL = "${rhevm.url}", User = "admin@internal", Password = XYZ, Cluster = Default } )`,
  );
});

afterAll(async () => {
  await host.stop();
  await rhevm.stop();
});

/** The rows about RHEV-M, without its URL. */
async function rhevRows(): Promise<readonly string[]> {
  const { rows } = await checkReport(host);
  return rows.filter((row) => row.includes("| RHEV-M")).map((row) => row.replaceAll(rhevm.url, "URL"));
}

describe("kvmguestctl check with guests of RHEV-M", () => {
  it("logs in once, knows this host and the guests, reads only, and logs out", async () => {
    const from = rhevm.requests.length;

    const rows = await rhevRows();

    expect(rows).toEqual([
      expect.stringMatching(
        /^ok \| RHEV-M \| URL as admin@internal \| .+: this system is its host node1.*, by rhev\.host$/,
      ),
      // the simulator's are good for two days
      expect.stringMatching(
        /^warning \| RHEV-M certificate \| .* \| a certificate in rhev\.caFile expires in [12] days: /,
      ),
      expect.stringMatching(
        /^warning \| RHEV-M certificate \| URL \| its certificate expires in [12] days: /,
      ),
      "ok | RHEV-M guest | guest web1 | URL knows it, in the cluster of this host",
      "problem | RHEV-M guest | guest web2 | RHEV-M knows no VM web2, or does not show it to RHEVMInfo's User",
      "ok | RHEV-M rights | URL as admin@internal | may log in and see guests, hosts and clusters",
      "not checked | RHEV-M rights | URL as admin@internal | whether the user may start, stop and migrate shows only when it is done: try each once, docs/vcs-setup.md has the permits",
    ]);
    const asked = rhevm.requests.slice(from);
    expect(asked.filter(({ method }) => method !== "GET")).toEqual([]);
    expect(asked.length).toBeLessThan(10);
  });

  it("has a problem with a password that is refused, which it does not show", async () => {
    await writeFile(password, "not-the-one\n", { mode: 0o600 });

    const { rows, output, exitCode } = await checkReport(host);
    await writeFile(password, "secret\n", { mode: 0o600 });

    expect(exitCode).toBe(1);
    expect(rows.find((row) => row.includes("| RHEV-M |"))).toMatch(
      /^problem \| RHEV-M \| .* RHEV-M does not accept user admin@internal with its password/,
    );
    expect(rows.filter((row) => row.startsWith("not checked | RHEV-M"))).toHaveLength(3);
    expect(output).not.toContain("not-the-one");
    expect(output).not.toContain("XYZ");
  });

  it("has a problem with an authority that did not sign, and tells the certificate's end all the same", async () => {
    await host.configure(`rhev: { host: node1, passwordFile: ${password} }`);

    const rows = await rhevRows();

    expect(rows[0]).toMatch(/^problem \| RHEV-M \| .* its certificate /);
    expect(rows.some((row) => /\| RHEV-M certificate \| URL \| its certificate/.test(row))).toBe(true);
  });
});
