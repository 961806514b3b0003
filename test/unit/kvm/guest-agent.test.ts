import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AgentAnswer } from "../../../src/platform.ts";
import { errorOf } from "../../support/error-of.ts";
import { type Agent, CODE, EVENT, type FakeDomain, type Job } from "../../support/fakes/fake-domain.ts";
import { type KvmHost, makeKvmHost } from "../../support/fakes/kvm-host.ts";
import { matching } from "../../support/matching.ts";

const never = new AbortController().signal;
let host: KvmHost;

beforeEach(async () => {
  host = await makeKvmHost();
});

afterEach(async () => {
  await host.stop();
});

async function running(name: string, agent: Agent): Promise<FakeDomain> {
  const domain = host.libvirtd.define(name);
  domain.agent = agent;
  await host.libvirtd.create(domain.uuid);
  return domain;
}

function ask(name: string, wantsHostName = false): Promise<AgentAnswer> {
  return host.clock.until(host.platform.askAgent(name, { timeoutS: 5, wantsHostName }, never));
}

describe("asking a guest's agent", () => {
  it.each<[Agent, object]>([
    ["answers", { kind: "answered", run: 1, frozen: false, hostName: undefined }],
    ["frozen", { kind: "answered", run: 1, frozen: true, hostName: undefined }],
    [
      "silent",
      { kind: "silent", run: 1, reason: "Guest agent is not responding: Guest agent not available for now" },
    ],
    [
      "not connected",
      { kind: "silent", run: 1, reason: "Guest agent is not responding: QEMU guest agent is not connected" },
    ],
    ["no channel", { kind: "no channel", run: 1 }],
  ])("tells of one that %s", async (agent, answer) => {
    await running("web1", agent);

    expect(await ask("web1")).toEqual(answer);
  });

  it("takes one that refuses a ping for silent, with its words", async () => {
    await running("web1", "refuses");

    expect(await ask("web1")).toMatchObject({
      kind: "silent",
      reason: matching(/has been disabled/),
    });
  });

  it("tells each start of the guest from the one before", async () => {
    const { uuid } = await running("web1", "answers");
    await host.libvirtd.destroy(uuid);
    await host.libvirtd.create(uuid);

    expect(await ask("web1")).toMatchObject({ run: 2 });
  });

  it("tells the name that the guest gives itself when it is asked for", async () => {
    const domain = await running("web1", "answers");
    domain.hostName = "web1.example.com";

    expect(await ask("web1", true)).toMatchObject({ hostName: "web1.example.com" });
    expect(await ask("web1")).toMatchObject({ hostName: undefined });
    domain.agent = "frozen";
    expect(await ask("web1", true)).toMatchObject({ frozen: true, hostName: undefined });
  });

  it("takes an agent that does not know its name, or writes anything, for well", async () => {
    const domain = await running("web1", "answers");
    expect(await ask("web1", true)).toMatchObject({ kind: "answered", hostName: undefined });

    domain.agent = "raves";
    expect(await ask("web1", true)).toMatchObject({ kind: "answered", frozen: false, hostName: undefined });
  });

  it("cuts a name of endless length", async () => {
    (await running("web1", "answers")).hostName = "x".repeat(10_000);
    const answer = await ask("web1", true);

    expect(answer.kind === "answered" ? answer.hostName?.length : 0).toBe(255);
  });

  it.each([
    [CODE.pausedByUser, "held up"],
    [CODE.pausedMigrating, "held up"],
    [CODE.asleep, "held up"],
    [CODE.panicked, "held up"],
    [CODE.offShutdown, "off"],
  ] as const)("does not ask a domain of state %j: it is %s", async (code, kind) => {
    await running("web1", "answers");
    host.libvirtd.becomes("web1", code);

    expect((await ask("web1")).kind).toBe(kind);
    expect(host.libvirtd.calls).not.toContain("agentCommand");
  });

  it("says of a guest that is not defined here that it is off", async () => {
    expect(await ask("web1")).toEqual({ kind: "off" });
  });

  it("does not count the silence of a guest that was suspended meanwhile", async () => {
    await running("web1", "silent");
    const asked = host.platform.askAgent("web1", { timeoutS: 5, wantsHostName: false }, never);
    await host.clock.advance(1000);
    host.libvirtd.becomes("web1", CODE.pausedByUser, EVENT.suspendedPaused);

    expect(await host.clock.until(asked)).toEqual({ kind: "held up", reason: "libvirt says paused (user)" });
  });

  it.each<[Job, string]>([
    ["outgoing", "held up"],
    ["incoming", "held up"],
    ["refused", "held up"],
    ["backup", "silent"],
    ["none", "silent"],
    ["hangs", "silent"],
  ])("takes a silence beside the job %s as %s", async (job, kind) => {
    (await running("web1", "silent")).job = job;

    expect((await ask("web1")).kind).toBe(kind);
  });

  it("asks for no job while the agent answers", async () => {
    (await running("web1", "answers")).job = "outgoing";

    expect((await ask("web1")).kind).toBe("answered");
    expect(host.libvirtd.calls).not.toContain("getJobStats");
  });
});

describe("asking a guest's agent through a libvirt that does not answer", () => {
  it.each([
    ["hangs", () => host.libvirtd.hang()],
    ["is away", () => host.libvirtd.stop()],
  ])("which %s says nothing of the guest", async (_how, happen) => {
    await running("web1", "answers");
    happen();

    expect((await ask("web1")).kind).toBe("unreadable");
  });

  it("says nothing of the guest when another command to the agent does not end", async () => {
    await running("web1", "busy");

    expect((await ask("web1")).kind).toBe("unreadable");
  });

  it("does not ask again for a minute where a question hangs", async () => {
    await running("web1", "answers");
    host.libvirtd.hang();
    await ask("web1");
    const before = host.libvirtd.calls.length;
    expect(await ask("web1")).toEqual({ kind: "unreadable", reason: "the last question hangs in libvirt" });
    expect(host.libvirtd.calls.length).toBe(before);

    host.libvirtd.goOn();
    await host.clock.advance(60_000);
    expect((await ask("web1")).kind).toBe("answered");
  });

  it("is given up by the caller's own signal", async () => {
    await running("web1", "silent");
    const gone = new AbortController();
    const failed = errorOf(
      host.platform.askAgent("web1", { timeoutS: 5, wantsHostName: false }, gone.signal),
    );
    await host.clock.advance(100);
    gone.abort();

    expect(await failed).toMatchObject({ code: "CANCELLED" });
  });
});

it("tells of each new start of a guest, and has it looked at", async () => {
  const heard: string[] = [];
  await ask("web1");
  host.platform.events.on("started", (guest) => heard.push(`started ${guest}`));
  host.platform.events.on("changed", (guest) => heard.push(`changed ${guest}`));
  await running("web1", "answers");
  expect(heard).toEqual(["changed web1", "started web1", "changed web1"]); // resumed, started

  heard.length = 0;
  host.libvirtd.define("stranger");
  host.libvirtd.reboot("stranger");
  host.libvirtd.reboot("web1");
  expect(heard).toEqual(["started web1", "changed web1"]);

  heard.length = 0;
  host.libvirtd.becomes("web1", CODE.wokenUp, EVENT.startedWakeup);
  expect(heard).toEqual(["changed web1"]);
});
