import { describe, expect, it } from "vitest";
import { parseCommand } from "../../../daemon/flags.ts";
import { matching } from "../../support/matching.ts";

const NOTHING = {
  socket: undefined,
  stateDirectory: undefined,
  logLevel: undefined,
  logFormat: undefined,
};
const ENVIRONMENT = {
  VCSKVMGUESTD_CONFIG: "/env.yaml",
  VCSKVMGUESTD_SOCKET: "/env.sock",
  VCSKVMGUESTD_STATE_DIRECTORY: "/env",
  VCSKVMGUESTD_LOG_LEVEL: "warn",
  VCSKVMGUESTD_LOG_FORMAT: "json",
};

describe("parseCommand", () => {
  it("runs with the defaults when nothing is said", () => {
    expect(parseCommand([], {})).toEqual({ kind: "run", config: undefined, overrides: NOTHING });
  });

  it("takes every option", () => {
    const argv = [
      "--config",
      "/c",
      "--socket=/s",
      "--state-directory",
      "/d",
      "--log-level",
      "debug",
      "--log-format=text",
    ];

    expect(parseCommand(argv, ENVIRONMENT)).toEqual({
      kind: "run",
      config: "/c",
      overrides: { socket: "/s", stateDirectory: "/d", logLevel: "debug", logFormat: "text" },
    });
  });

  it("takes every variable where the option is missing", () => {
    expect(parseCommand(["--check-config"], ENVIRONMENT)).toEqual({
      kind: "check-config",
      config: "/env.yaml",
      overrides: { socket: "/env.sock", stateDirectory: "/env", logLevel: "warn", logFormat: "json" },
    });
  });

  it.each([
    [["--help"], "help"],
    [["-h"], "help"],
    [["--version"], "version"],
    [["--help", "--version"], "help"],
  ] as const)("reads %j as %s", (argv, kind) => {
    expect(parseCommand([...argv], {})).toEqual({ kind });
  });

  it.each([[["--sokcet", "/x"]], [["run"]], [["--config"]], [["--check-config=yes"]]])(
    "refuses %j with words",
    (argv) => {
      expect(parseCommand(argv, {})).toMatchObject({
        kind: "wrong",
        problem: matching(/.+/),
      });
    },
  );
});
