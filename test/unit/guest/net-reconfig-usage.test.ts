import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { repositoryFile } from "../../support/repository.ts";

/** Runs the guest's service with arguments, which it never takes: nothing of this machine is touched. */
function run(shell: readonly string[], ...args: string[]) {
  const [command = "", ...before] = shell;
  const { status, stdout, stderr } = spawnSync(
    command,
    [...before, repositoryFile("guest/vcs-net-reconfig"), ...args],
    { encoding: "utf8" },
  );
  return { status, stdout, stderr };
}

describe.each([[["dash"]], [["bash", "--posix"]], [["busybox", "sh"]]])(
  "vcs-net-reconfig under %s",
  (shell) => {
    it.each(["-h", "--help"])("says at %s what it is, and does nothing", (option) => {
      const { status, stdout, stderr } = run(shell, option);

      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      expect(stdout).toMatch(/^vcs-net-reconfig - gives this guest the network settings[^]*Exit codes: 0 /);
    });

    it.each([["start"], ["--force"], [""], ["a", "b"], ["$(id)"]])("refuses arguments: %s", (...args) => {
      const { status, stdout, stderr } = run(shell, ...args);

      expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
      expect(stderr.split("\n")[0]).toBe(`vcs-net-reconfig: it takes no argument: ${args.join(" ")}`);
    });
  },
);
