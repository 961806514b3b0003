import { Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { createLogger, logLevelOf } from "../../../daemon/logger.ts";
import { AgentError } from "../../../src/agent-error.ts";

const SECRET = "S3cr3t-word";

function recording(level = "debug") {
  const lines: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  return { log: createLogger(level, stream), lines };
}

/** One line of the log as an object. */
function parsed(line: string | undefined): unknown {
  return JSON.parse(line ?? "null");
}

describe("the logger", () => {
  it("writes one JSON object a line, with level, time and message", () => {
    const { log, lines } = recording();
    log.child({ resource: "r" }).info({ state: "OFFLINE" }, "guest changed state");

    expect(parsed(lines[0])).toMatchObject({
      level: "info",
      pid: process.pid,
      resource: "r",
      state: "OFFLINE",
      msg: "guest changed state",
    });
    expect(lines[0]).toMatch(/"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"/);
  });

  it.each([
    ["a field", { password: SECRET }],
    ["a field in the vendor's spelling", { Password: SECRET }],
    ["a field one deeper", { rhevmInfo: { Password: SECRET } }],
    ["a field two deeper", { request: { headers: { authorization: SECRET } } }],
    ["a field of an error", { err: Object.assign(new Error("no"), { token: SECRET }) }],
    ["a field deeper in an error", { err: Object.assign(new Error("no"), { options: { secret: SECRET } }) }],
  ])("hides the secret in %s", (_where, fields) => {
    const { log, lines } = recording();
    log.warn(fields, "something failed");

    expect(lines.join("")).not.toContain(SECRET);
    expect(lines.join("")).toContain("[secret]");
  });

  it("writes an error's code, words and cause", () => {
    const { log, lines } = recording();
    const cause = new Error("connect ECONNREFUSED");
    log.error(
      { err: new AgentError("PLATFORM_DOWN", "libvirt cannot be asked", { cause }) },
      "guests cannot be read",
    );

    expect(lines[0]).toContain('"code":"PLATFORM_DOWN"');
    expect(lines[0]).toContain("libvirt cannot be asked");
    expect(lines[0]).toContain("connect ECONNREFUSED");
  });

  it("drops what is below its level, and follows a change of it", () => {
    const { log, lines } = recording("warn");
    log.info({}, "unheard");
    log.level = "debug";
    log.debug({}, "heard");

    expect(lines).toHaveLength(1);
  });
});

describe("the log level", () => {
  it("is changed by an operator, which is told whatever the level was", () => {
    const { log, lines } = recording("error");
    const level = logLevelOf(log, log);
    level.setLogLevel("warn");
    level.setLogLevel("warn");
    log.warn({}, "heard");
    level.setLogLevel("error");
    log.warn({}, "unheard");

    expect(level.logLevel()).toBe("error");
    expect(lines.map((line) => parsed(line))).toMatchObject([
      { level: "warn", from: "error", to: "warn", msg: "log level changed by an operator" },
      { msg: "heard" },
      { from: "warn", to: "error", msg: "log level changed by an operator" },
    ]);
  });

  it.each(["loud", "", "silent", "trace", "DEBUG"])("is never %j", (word) => {
    const { log } = recording("info");

    expect(() => logLevelOf(log, log).setLogLevel(word)).toThrow(/^there is no such log level/);
    expect(log.level).toBe("info");
  });
});
