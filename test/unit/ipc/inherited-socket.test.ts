import { describe, expect, it } from "vitest";
import { inheritedSocket } from "../../../ipc/inherited-socket.ts";

const OURS = String(process.pid);

describe("the socket that systemd passes", () => {
  it.each([
    ["nobody passes one", {}],
    ["it was passed to another process", { LISTEN_PID: "1", LISTEN_FDS: "1" }],
    ["none was passed", { LISTEN_PID: OURS, LISTEN_FDS: "0" }],
  ])("is missing where %s", (_, env) => {
    expect(inheritedSocket(env)).toBeUndefined();
  });

  it("is refused where it is one of several", () => {
    const env = { LISTEN_PID: OURS, LISTEN_FDS: "2", LISTEN_FDNAMES: "agent:other" };

    expect(() => inheritedSocket(env)).toThrow(
      "systemd passes 2 sockets (agent:other): vcskvmguestd.socket must have one ListenStream",
    );
  });

  it("is refused where it is something else", () => {
    expect(() => inheritedSocket({ LISTEN_PID: OURS, LISTEN_FDS: "1" })).toThrow(
      "what systemd passes is no Unix socket that listens at a path",
    );
  });
});
