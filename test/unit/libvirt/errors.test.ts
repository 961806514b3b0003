import { describe, expect, it } from "vitest";
import {
  isAborted,
  isAccessDenied,
  isAgentUnresponsive,
  isCancelled,
  isConnectionLost,
  isNoDomain,
  isOperationInvalid,
  isOperationTimeout,
  isTimedOut,
  isUnsupported,
  LibvirtCallError,
  LibvirtError,
} from "../../../src/libvirt/errors.ts";

const PREDICATES = {
  isAborted,
  isAccessDenied,
  isAgentUnresponsive,
  isCancelled,
  isConnectionLost,
  isNoDomain,
  isOperationInvalid,
  isOperationTimeout,
  isTimedOut,
  isUnsupported,
};

function libvirtError(code: number, domain = 10): LibvirtError {
  const strings = { str1: null, str2: null, str3: null };
  return new LibvirtError("domain_create", {
    code,
    domain,
    level: 2,
    message: "no",
    ...strings,
    int1: 0,
    int2: 0,
  });
}

function trueOf(error: unknown): string[] {
  return Object.entries(PREDICATES)
    .filter(([, holds]) => holds(error))
    .map(([name]) => name);
}

describe("Predicates of errors", () => {
  it.each<[string, unknown, string[]]>([
    ["code 42", libvirtError(42), ["isNoDomain"]],
    ["code 55", libvirtError(55), ["isOperationInvalid"]],
    ["code 68", libvirtError(68), ["isOperationTimeout"]],
    ["code 78", libvirtError(78), ["isAborted"]],
    ["code 86", libvirtError(86), ["isAgentUnresponsive"]],
    ["code 3", libvirtError(3), ["isUnsupported"]],
    ["code 84", libvirtError(84), ["isUnsupported"]],
    ["code 29", libvirtError(29), ["isAccessDenied"]],
    ["code 88", libvirtError(88), ["isAccessDenied"]],
    ["code 38 of the RPC layer", libvirtError(38, 7), ["isConnectionLost"]],
    ["code 1 of the RPC layer", libvirtError(1, 7), ["isConnectionLost"]],
    ["code 38 of the driver", libvirtError(38, 10), []],
    ["code 1 of the driver", libvirtError(1, 10), []],
    ["a deadline", new LibvirtCallError("timed out", ""), ["isTimedOut"]],
    ["a cancellation", new LibvirtCallError("cancelled", ""), ["isCancelled"]],
    ["a closed connection", new LibvirtCallError("closed", ""), ["isConnectionLost"]],
    ["a protocol error", new LibvirtCallError("protocol", ""), []],
    ["another library's error", Object.assign(new Error("no"), { code: 42, kind: "closed" }), []],
    ["nothing", undefined, []],
  ])("tell %s", (_what, error, expected) => {
    expect(trueOf(error)).toEqual(expected);
  });
});
