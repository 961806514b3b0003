import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { clockCheck } from "../../../daemon/readiness/clock.ts";
import { timeoutsCheck, typeTimeouts } from "../../../daemon/readiness/timeouts.ts";
import { wordsOf } from "../../support/fakes/inspected-host.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";

const never = new AbortController().signal;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "readiness-"));
});

afterEach(() => rm(folder, { recursive: true }));

async function program(name: string, body: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  return path;
}

function hares() {
  return { command: join(folder, "hares"), system: "node1", timeoutMs: 10_000 };
}

/** Rows of resources whose guests have these times to stop, under a type with this OfflineTimeout. */
async function rowsFor(offlineTimeout: string, ...delays: readonly number[]) {
  await program(
    "hatype",
    `[ "$*" = "-value KVMGuest OfflineTimeout" ] && echo "${offlineTimeout}" || echo 60`,
  );
  const resources = delays.map((delayAfterGuestOfflineS, at) => ({
    resource: `vm${at}`,
    attributes: attributesOfGuest(`web${at}`, { delayAfterGuestOfflineS }),
  }));
  return timeoutsCheck(hares(), resources).look(never);
}

describe("the check of the timeouts", () => {
  it("is content with an OfflineTimeout that exceeds each guest's time to stop by a sixth", async () => {
    expect(wordsOf(await rowsFor("300", 0, 60, 257))).toEqual([
      "ok: OfflineTimeout, 300 s, leaves each guest its time to stop",
    ]);
  });

  it("warns of each resource whose guest may be ended before its time is over", async () => {
    const rows = await rowsFor("300", 60, 258, 600);

    expect(rows.map(({ about, verdict }) => [about, verdict])).toEqual([
      ["resource vm1", "warning"],
      ["resource vm2", "warning"],
    ]);
    expect(rows[0]).toMatchObject({
      text: "its guest is given 258 s to stop (DelayAfterGuestOffline), and OfflineTimeout of the type is 300 s: clean may end the guest before its time is over",
      remedy:
        "hatype -modify KVMGuest OfflineTimeout 301; nothing where the resource overrides it with as much",
    });
  });

  it("checks nothing where the engine does not tell", async () => {
    expect(wordsOf(await rowsFor("", 60))).toEqual([
      "not checked: the engine's OfflineTimeout of the type is no number",
    ]);
    await program("hatype", "echo 'VCS ERROR V-16-1-10600 Cannot connect to VCS engine' >&2; exit 1");
    expect(wordsOf(await timeoutsCheck(hares(), []).look(never))).toEqual([
      "not checked: hatype -value KVMGuest OfflineTimeout ended with 1: VCS ERROR V-16-1-10600 Cannot connect to VCS engine",
    ]);
  });

  it("reads both limits of the type", async () => {
    await rowsFor("301");

    expect(await typeTimeouts(hares(), never)).toEqual({ offlineS: 301, cleanS: 60 });
  });
});

async function saidOfClock(body: string): Promise<readonly string[]> {
  return wordsOf(await clockCheck(await program("timedatectl", body)).look(never));
}

function answer(word: string): string {
  return `[ "$*" = "show --property=NTPSynchronized" ] && echo NTPSynchronized=${word}`;
}

describe("the check of the clock", () => {
  it("asks whether it is synchronised", async () => {
    expect(await saidOfClock(answer("yes"))).toEqual(["ok: is synchronised"]);
    expect(await saidOfClock(answer("no"))).toEqual([
      "warning: is not synchronised: certificates may count as expired, and logs of two hosts cannot be laid side by side",
    ]);
  });

  it("says nothing where nobody knows, as before systemd 239", async () => {
    expect(await saidOfClock("echo 'Unknown operation show' >&2; exit 1")).toEqual([
      "not checked: timedatectl show --property=NTPSynchronized ended with 1: Unknown operation show",
    ]);
    expect(await saidOfClock("echo what")).toEqual([
      "not checked: timedatectl's words are not understood: what",
    ]);
    expect(wordsOf(await clockCheck(join(folder, "none")).look(never))).toEqual([
      expect.stringMatching(/^not checked: none show --property=NTPSynchronized: cannot be run/),
    ]);
  });
});
