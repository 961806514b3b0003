import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AgentAnswer } from "../../../src/platform.ts";
import { OFFLINE } from "../../../src/resource-state.ts";
import { ANSWERED, HeartbeatHost, INTERVAL_MS, SILENT } from "../../support/fakes/heartbeat-host.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";

const WRONG = "guest does not give itself the name in CESystem";

let host: HeartbeatHost;

beforeEach(() => {
  host = new HeartbeatHost();
});

afterEach(async () => {
  await host.end();
  host.clock.stop();
});

/** An agent that tells this name. */
function named(hostName: string | undefined): AgentAnswer {
  return { ...ANSWERED, hostName };
}

describe("the name that a guest gives itself", () => {
  it("is asked for until it is right, and after each new start", async () => {
    host.answers.set("web1", named("web1.example.com"));
    host.open("web1", { ceSystem: "web1" });
    await host.ask();
    await host.clock.advance(5 * INTERVAL_MS);
    expect(host.platform.count("askAgent web1 for its name")).toBe(1);
    host.platform.events.emit("started", "web1");
    await host.clock.advance(5 * INTERVAL_MS);

    expect(host.platform.count("askAgent web1 for its name")).toBe(2);
    expect(host.log.messages("warn")).toEqual([]);
  });

  it("is told of once when it stays wrong, and once when it is right again; it is never a loss", async () => {
    host.answers.set("web1", named("other"));
    const record = host.open("web1", { ceSystem: "web1" });
    await host.ask();
    await host.clock.advance(20 * INTERVAL_MS);
    expect(host.log.entries.filter(({ message }) => message === WRONG).map(({ fields }) => fields)).toEqual([
      { resource: "web1_res", guest: "web1", ceSystem: "web1", hostName: "other" },
    ]);
    expect(record.heartbeat.phase).toBe("armed");

    host.answers.set("web1", named("web1"));
    await host.clock.advance(INTERVAL_MS);
    expect(host.log.count("guest gives itself the name in CESystem")).toBe(1);
    expect(host.looks).toEqual([]);
  });

  it("may come late, but an agent that cannot tell it is told of", async () => {
    host.answers.set("web1", named("localhost"));
    host.open("web1", { ceSystem: "web1" });
    await host.ask();
    await host.clock.advance(2 * INTERVAL_MS);
    host.answers.set("web1", named("web1"));
    await host.clock.advance(5 * INTERVAL_MS);
    expect(host.log.count(WRONG)).toBe(0);

    host.answers.set("web2", named(undefined));
    host.open("web2", { ceSystem: "web2" });
    await host.clock.advance(10 * INTERVAL_MS);
    expect(
      host.log.entries.filter(({ message }) => message === WRONG).map(({ fields }) => fields["hostName"]),
    ).toEqual(["not told"]);
  });

  it("is not asked for without CESystem", async () => {
    host.answers.set("web1", named("other"));
    host.open("web1");
    await host.ask();
    await host.clock.advance(10 * INTERVAL_MS);

    expect(host.platform.count("askAgent web1 for its name")).toBe(0);
    expect(host.log.messages("warn")).toEqual([]);
  });
});

describe("a loss that made the resource OFFLINE", () => {
  it("stands in the next process, which asks at once", async () => {
    const record = await host.silenced();
    await host.clock.advance(4 * INTERVAL_MS);
    host.book.told(record, { state: OFFLINE, active: true, lostRun: 1 });
    await host.restart();

    const restored = host.book.get("web1_res");
    expect(restored?.heartbeat.phase).toBe("lost");
    const before = host.asked("web1");
    await host.ask();
    expect(host.asked("web1")).toBe(before + 1);
    expect(restored?.heartbeat.phase).toBe("lost");
    host.answers.set("web1", ANSWERED);
    await host.clock.advance(INTERVAL_MS);
    expect(restored?.heartbeat.phase).toBe("armed");
  });

  it("is forgotten in the next process when the guest was started anew", async () => {
    await host.store.save({
      resource: "web1_res",
      attributes: attributesOfGuest("web1", { ceInfo: { enabled: true, faultOnHbLoss: true } }),
      watched: true,
      stopping: false,
      starting: false,
      lastAnswer: { state: OFFLINE, active: true, lostRun: 1 },
    });
    await host.restart();
    host.answers.set("web1", { ...SILENT, run: 2 });
    await host.ask();

    expect(host.book.get("web1_res")?.heartbeat.phase).toBe("unarmed");
    expect(host.looks).toEqual(["web1"]);
  });
});
