import { describe, expect, it } from "vitest";
import { EngineLog, engineLogLine, is } from "../../support/engine/engine-log.ts";

describe("the log of the stand-in", () => {
  it("writes lines in the form of the engine's log", () => {
    const details = { from: "ONLINE", to: "FAULTED", text: 'two\n"lines"' };
    const entry = { at: 1, system: "n1", resource: "web", what: "faulted", details } as const;

    expect(engineLogLine(entry, new Date(2024, 1, 3, 4, 5, 6))).toBe(
      '2024/02/03 04:05:06 VCS ERROR V-16-1-99900 (n1) web faulted from=ONLINE to=FAULTED text="two\\n\\"lines\\""\n',
    );
  });

  it("resolves a wait with an entry that is there, or that comes", async () => {
    const log = new EngineLog("n1", undefined);
    log.add("restart", "web", { count: 1 });

    const there = await log.waitFor(is("restart"));
    const coming = log.waitFor(is("restart"), 1000, 1);
    log.add("faulted", "web");
    log.add("restart", "web", { count: 2 });

    expect(there.details.count).toBe(1);
    expect((await coming).details.count).toBe(2);
  });

  it("rejects a wait at its limit and shows what came instead", async () => {
    const log = new EngineLog("n1", undefined);
    log.add("faulted", "web");

    await expect(log.waitFor(is("restart"), 10)).rejects.toThrow(/nothing of the kind.*"what":"faulted"/s);
  });

  it("compares details by their value", () => {
    const entry = {
      at: 1,
      system: "n1",
      resource: "web",
      what: "hares",
      details: { args: ["-probe", "web"] },
    } as const;

    expect(is("hares", { args: ["-probe", "web"] })(entry)).toBe(true);
    expect(is("hares", { args: ["-probe"] })(entry)).toBe(false);
    expect(is("hares", { text: "x" })(entry)).toBe(false);
    expect(is("state")(entry)).toBe(false);
  });

  it("hides a secret in arguments and in text, and NONE is none", () => {
    const log = new EngineLog("n1", undefined);
    log.hide("BNCnCNc");
    log.hide("NONE");
    log.hide("");

    log.add("entry point started", "web", {
      args: ["Password", "BNCnCNc", "Cluster", "NONE"],
      text: "got BNCnCNc.",
    });

    expect(log.entries[0]?.details).toEqual({
      args: ["Password", "***", "Cluster", "NONE"],
      text: "got ***.",
    });
  });
});
