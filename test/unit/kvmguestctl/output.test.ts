import { describe, expect, it } from "vitest";
import { ageText, momentText } from "../../../daemon/kvmguestctl/ages.ts";
import { dryRunLines } from "../../../daemon/kvmguestctl/entry-point.ts";
import { eventLine } from "../../../daemon/kvmguestctl/event-lines.ts";
import { exitCodeWords } from "../../../daemon/kvmguestctl/exit-code-words.ts";
import { withNames } from "../../../daemon/kvmguestctl/names.ts";
import { printable } from "../../../daemon/kvmguestctl/printable.ts";
import { statusLines } from "../../../daemon/kvmguestctl/status.ts";
import { tableLines } from "../../../daemon/kvmguestctl/table.ts";
import { styleFor } from "../../../daemon/kvmguestctl/terminal.ts";
import { whyLines } from "../../../daemon/kvmguestctl/why.ts";
import type { EventAnswer, GuestAnswer } from "../../../ipc/answers.ts";

const PLAIN = styleFor(false, {});
const NOW = new Date(2026, 0, 31, 12, 0, 0);

function aGuest(changes: Partial<GuestAnswer> = {}): GuestAnswer {
  return {
    resource: "vm1",
    guest: "web1",
    environment: "kvm",
    watched: true,
    stopping: false,
    operation: null,
    migration: null,
    told: "ONLINE(100)",
    answer: {
      state: "ONLINE(100)",
      confidence: 100,
      code: 110,
      reason: "running",
      source: "platform",
      at: NOW.toISOString(),
      ageS: 50,
    },
    heartbeat: null,
    reading: {
      state: "ONLINE(100)",
      confidence: 100,
      reason: "running",
      source: "platform",
      uuid: null,
      at: NOW.toISOString(),
      ageS: 3.2,
    },
    ...changes,
  };
}

const EVENT: EventAnswer = {
  seq: 1,
  at: NOW.toISOString(),
  level: "info",
  what: "guest changed state",
  resource: "vm1",
  guest: "web1",
  fields: { ms: 3, reason: "shut off", state: "OFFLINE", from: "ONLINE(100)" },
  times: 1,
  lastAt: NOW.toISOString(),
};

describe("the table of guests", () => {
  it("has a row a resource, columns as wide as they need, and the newest age", () => {
    const unknown = { state: "UNKNOWN", confidence: null, code: 99, reason: "libvirt cannot be asked" };
    const lines = statusLines(
      [
        aGuest(),
        aGuest({ resource: "vm2", guest: "a-longer-name", environment: "rhev", reading: null }),
        aGuest({ resource: "vm3", answer: { ...unknown, source: null, at: NOW.toISOString(), ageS: 0.4 } }),
        aGuest({ resource: "vm4", answer: null, reading: null, watched: false, operation: "online" }),
      ],
      PLAIN,
    );

    expect(lines).toEqual([
      "RESOURCE  GUEST          ENV   STATE     CONF  AGE   SOURCE   REASON",
      "vm1       web1           kvm   ONLINE    100   3 s   libvirt  running",
      "vm2       a-longer-name  rhev  ONLINE    100   50 s  RHEV-M   running",
      "vm3       web1           kvm   UNKNOWN   -     now   -        libvirt cannot be asked",
      "vm4       web1           kvm   not told  -     -     -        not watched, its agent has ended; online is at work; nothing was read yet",
    ]);
  });

  it("says what an empty one means", () => {
    expect(statusLines([], PLAIN)).toEqual([
      "no resource is open here: the engine opens them when its agent starts",
    ]);
  });

  it("stays aligned in colour", () => {
    const style = styleFor(true, {});
    const [head = "", row = ""] = statusLines([aGuest()], style);

    expect(row).toContain("\u001b[32mONLINE\u001b[0m  100");
    expect(head).toContain("\u001b[1mSTATE\u001b[0m   ");
  });
});

describe("colours", () => {
  it.each([
    [true, {}, true],
    [true, { NO_COLOR: "" }, true],
    [true, { NO_COLOR: "1" }, false],
    [true, { TERM: "dumb" }, false],
    [false, {}, false],
  ])("terminal %s with %j: %s", (isTerminal, env, isColoured) => {
    expect(styleFor(isTerminal, env).bad("x") !== "x").toBe(isColoured);
  });
});

describe("an age", () => {
  it.each([
    [null, "-"],
    [0.2, "now"],
    [119, "119 s"],
    [120, "2 min"],
    [7300, "2 h"],
    [200_000, "2 d"],
  ])("of %s seconds is %s", (seconds, text) => {
    expect(ageText(seconds)).toBe(text);
  });

  it("is a moment with its date where it is not today's", () => {
    expect(momentText(new Date(2026, 0, 31, 9, 5, 3).toISOString(), NOW)).toBe("09:05:03");
    expect(momentText(new Date(2026, 0, 30, 9, 5, 3).toISOString(), NOW)).toBe("2026-01-30 09:05:03");
    expect(momentText("no time", NOW)).toBe("no time");
  });
});

describe("a line of an event", () => {
  it("has the moment, whose it is, what happened, and what varies in the order of the story", () => {
    expect(eventLine(EVENT, PLAIN, NOW)).toBe(
      "12:00:00  web1/vm1  guest changed state: from ONLINE(100), state OFFLINE, reason shut off",
    );
  });

  it("counts repeats, and is nobody's where it concerns the host", () => {
    const repeated = { ...EVENT, guest: null, resource: null, fields: {}, times: 4 };

    expect(eventLine(repeated, PLAIN, NOW)).toBe("12:00:00  guest changed state (4 times, last 12:00:00)");
  });

  it("cannot move the cursor of a terminal", () => {
    expect(eventLine({ ...EVENT, fields: { reason: "\u001b[2Jgone" } }, PLAIN, NOW)).not.toContain("\u001b");
    expect(printable("a\u202eb\r\n")).toBe("a?b??");
  });
});

describe("the story of a guest", () => {
  it("has the present first, then what comes, then what was", () => {
    const lines = whyLines(
      {
        guest: "web1",
        since: NOW.toISOString(),
        migrationRecord: { kind: "doubtful", at: NOW.toISOString(), peer: "node2", why: "node2 is silent" },
        resources: [{ ...aGuest(), next: ["The next monitor is answered ONLINE(100) again."] }],
        events: [EVENT],
      },
      PLAIN,
      NOW,
    );

    expect(lines).toEqual([
      "guest web1",
      "resource vm1 (kvm)",
      "  the engine was told: ONLINE(100) (exit code 110): running, 12:00:00",
      "  last read: ONLINE(100): running, by libvirt, 12:00:00 (age 3 s)",
      "  what happens next:",
      "    The next monitor is answered ONLINE(100) again.",
      "migration record: doubtful to node2, 12:00:00: node2 is silent",
      "what happened since 12:00:00 (older: journalctl -u vcskvmguestd)",
      "  12:00:00  web1/vm1  guest changed state: from ONLINE(100), state OFFLINE, reason shut off",
    ]);
  });

  it("says what is not known", () => {
    const resource = { ...aGuest({ answer: null, reading: null }), next: [] };
    const why = {
      guest: "web1",
      since: NOW.toISOString(),
      migrationRecord: null,
      resources: [resource],
      events: [],
    };

    expect(whyLines(why, PLAIN, NOW)).toEqual([
      "guest web1",
      "resource vm1 (kvm)",
      "  the engine was told: nothing yet",
      "  last read: nothing yet",
      "  what happens next:",
      "what happened since 12:00:00 (older: journalctl -u vcskvmguestd)",
      "  nothing",
    ]);
  });
});

describe("names", () => {
  it("choose by guest or by resource, and all where none is given", () => {
    const all = [aGuest(), aGuest({ resource: "vm2", guest: "web2" })];

    expect(withNames(all, []).map(({ resource }) => resource)).toEqual(["vm1", "vm2"]);
    expect(withNames(all, ["web2"]).map(({ resource }) => resource)).toEqual(["vm2"]);
    expect(withNames(all, ["vm1", "vm2"])).toHaveLength(2);
    expect(() => withNames(all, ["web9"])).toThrow('no guest and no resource here is named "web9"');
  });
});

describe("a dry run's lines", () => {
  it("say that nothing is done, then what would be", () => {
    const answer = {
      entryPoint: "online",
      resource: "vm1",
      guest: "web1",
      environment: "kvm",
      registered: false,
      deadlineS: 270,
      problems: ["something is odd"],
      steps: ["libvirt is asked", "exit code 5"],
      answer: null,
    } as const;

    expect(dryRunLines({ ...answer, problems: [...answer.problems], steps: [...answer.steps] })).toEqual([
      "online of resource vm1, guest web1 (kvm): nothing is done, this is what it would do within 270 s",
      "note: the resource is not open here",
      "problem: something is odd",
      "1. libvirt is asked",
      "2. exit code 5",
    ]);
  });
});

describe("the words of an exit code", () => {
  it.each([
    ["monitor", 99, "UNKNOWN"],
    ["monitor", 100, "OFFLINE"],
    ["monitor", 101, "ONLINE, confidence 10"],
    ["monitor", 110, "ONLINE, confidence 100"],
    ["monitor", 200, "INTENTIONAL OFFLINE"],
    ["clean", 0, "the guest is proved gone"],
    ["action", 1, "failed"],
  ] as const)("of %s %i are %s", (kind, code, words) => {
    expect(exitCodeWords(kind, code)).toBe(words);
  });

  it.each(["clean", "online", "offline", "migrate", "open"] as const)(
    "of a %s that may have failed say where to look",
    (kind) => {
      expect(exitCodeWords(kind, 1)).toContain("kvmguestctl why");
    },
  );
});

describe("a table", () => {
  it("has lines without blanks at their ends", () => {
    expect(
      tableLines([
        [{ text: "a" }, { text: "b" }],
        [{ text: "longer" }, { text: "c" }],
      ]),
    ).toEqual(["a       b", "longer  c"]);
    expect(tableLines([])).toEqual([]);
  });
});
