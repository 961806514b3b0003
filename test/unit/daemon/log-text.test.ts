import { describe, expect, it } from "vitest";
import { textOf } from "../../../daemon/log-text.ts";

const LINE = {
  level: "warn",
  time: "2026-01-31T12:00:00.123Z",
  pid: 7,
  resource: "vm1",
  reason: "libvirt cannot be asked: no socket",
  ms: 1.5,
  msg: "guest state cannot be determined",
};

function textFor(changes: object, inColour = false): string {
  return textOf(`${JSON.stringify({ ...LINE, ...changes })}\n`, inColour);
}

describe("the log for a person", () => {
  it("has time, level, event and the fields in one line", () => {
    expect(textFor({})).toBe(
      '2026-01-31 12:00:00.123Z WARN  guest state cannot be determined  resource=vm1 reason="libvirt cannot be asked: no socket" ms=1.5\n',
    );
  });

  it("has colour only when asked for", () => {
    expect(textFor({}, true)).toContain("\u001b[33mWARN \u001b[0m guest state");
    expect(textFor({})).not.toContain("\u001b");
  });

  it("writes lists and objects as JSON, and errors as their words", () => {
    const err = {
      type: "AgentError",
      message: "no answer",
      code: "PLATFORM_DOWN",
      stack: "AgentError\n  at x",
    };

    expect(textFor({ reason: undefined, pids: [1, 2], err })).toContain(
      'ms=1.5 pids="[1,2]" err="no answer"\n',
    );
  });

  it("shows the stack of a defect, and not that of a foreseen error", () => {
    const err = {
      type: "TypeError",
      message: "x is undefined",
      stack: "TypeError: x\n    at a (b.js:1)\n    at c",
    };

    expect(textFor({ level: "error", err })).toMatch(/\n {4}at a \(b\.js:1\)\n {4}at c\n$/);
    expect(textFor({ level: "error", err: { ...err, type: "AgentError" } })).not.toContain("at a");
  });

  it("lets no foreign text steer the terminal or begin a line", () => {
    const text = textFor({ guest: "a\u001b[2J\nERROR \u009b1m\u202e", msg: "odd\u001b" });

    expect(text).toContain(String.raw`guest="a\u001b[2J\nERROR \u009b1m\u202e"`);
    expect(text).toContain(String.raw`odd\u001b`);
    expect(text.trimEnd()).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  it("leaves what is no line of the log as it is", () => {
    expect(textOf("no JSON\n", false)).toBe("no JSON\n");
    expect(textOf("[1]\n", false)).toBe("[1]\n");
  });
});
