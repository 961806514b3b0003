import { execFile } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ReleaseName } from "../support/rhevm-simulator/release.ts";
import { type RhevmSimulator, startRhevmSimulator } from "../support/rhevm-simulator/simulator.ts";

const PROGRAM = "/usr/sbin/fence_rhevm";
const LIMIT_MS = 60_000;

interface Ended {
  readonly code: number;
  readonly said: string;
}

/** Which API each release is asked for, and where a client that does not know it looks. */
const CLIENTS: readonly (readonly [ReleaseName, string, readonly string[]])[] = [
  ["3.1", "3", ["--api-path=/api"]],
  ["3.6", "3", []],
  ["4.3", "3", []],
  ["4.3", "auto", []],
  ["4.5", "4", ["--use-cookies", "--disable-http-filter"]],
];

describe.each(CLIENTS)(
  "fence_rhevm, which others wrote, with an engine %s and API %s",
  (release, version, more) => {
    let simulator: RhevmSimulator;

    beforeAll(async () => {
      simulator = await startRhevmSimulator({ release, vms: ["vm1", "vm2"], speed: 20 });
    });
    afterAll(() => simulator.stop());

    /** 0: done, or on; 2: off; 1: failed. */
    function fence(...words: readonly string[]): Promise<Ended> {
      const cookies = more.includes("--use-cookies") ? [`--cookie-file=${simulator.caFile}.cookies`] : [];
      const where = [
        "-a",
        "localhost",
        `--ipport=${simulator.port}`,
        "--ssl-insecure",
        `--api-version=${version}`,
      ];
      const args = [
        ...where,
        "-l",
        "admin@internal",
        "-p",
        "secret",
        "--shell-timeout=30",
        "--power-timeout=60",
        ...more,
        ...cookies,
        ...words,
      ];
      return new Promise((resolve) => {
        const options = { timeout: LIMIT_MS, env: { ...process.env, LC_ALL: "C" } };
        execFile(PROGRAM, args, options, (error, stdout, stderr) => {
          const code = error === null ? 0 : Number(error.code ?? -1);
          resolve({ code, said: (stdout + stderr).trim() });
        });
      });
    }

    it("is satisfied by list, monitor and status", async () => {
      expect(await fence("-o", "list")).toEqual({ code: 0, said: "vm1,\nvm2," });
      expect((await fence("-o", "monitor")).code).toBe(0);
      expect(await fence("-n", "vm2", "-o", "status")).toEqual({ code: 2, said: "Status: OFF" });
    });

    it("switches a VM on, off and on again", async () => {
      const vm = simulator.world.vm("vm1");

      expect(await fence("-n", "vm1", "-o", "on")).toEqual({ code: 0, said: "Success: Powered ON" });
      expect(await fence("-n", "vm1", "-o", "reboot")).toEqual({ code: 0, said: "Success: Rebooted" });
      expect([vm.starts, vm.lastEnd]).toEqual([2, "destroyed"]);
      expect(await fence("-n", "vm1", "-o", "off")).toEqual({ code: 0, said: "Success: Powered OFF" });
      expect(vm.status).toBe("down");
    });

    it("finds no VM that there is not", async () => {
      expect((await fence("-n", "vm9", "-o", "status")).code).toBe(1);
    });
  },
);
