import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AgentError } from "../../../src/agent-error.ts";
import type { MigrationEnd } from "../../../src/migration.ts";
import { DispatcherHost } from "../../support/fakes/dispatcher-host.ts";
import { aReading, RUNNING } from "../../support/fakes/fake-platform.ts";
import { requestArguments } from "../../support/fakes/resources.ts";
import { VirtualClock } from "../../support/fakes/virtual-clock.ts";

const UUID = "5c1b8d3c-0000-4000-8000-000000000001";

let clock: VirtualClock;
let host: DispatcherHost;

beforeEach(async () => {
  clock = new VirtualClock();
  host = new DispatcherHost();
  host.platform.readings.set("web1", aReading({ ...RUNNING, uuid: UUID }));
  await host.ask("monitor");
});

afterEach(() => {
  clock.stop();
});

function migrate() {
  const args = requestArguments("web1_res", { GuestName: "web1" });
  const more = ["VCSInfo", "2", "TargetHost", "node2", "AEPTimeout", "1", "300"];
  return clock.until(host.raw("migrate", [...args, ...more]));
}

/** What the platform does from the moment in which the migration is recorded. */
function platformMigrates(work: () => Promise<MigrationEnd>): void {
  host.platform.deeds.migrate = async (_guest, plan) => {
    await plan.onMoving(UUID);
    return work();
  };
}

function record() {
  return host.migrations.saved.get("web1");
}

describe("a migration whose resource is closed meanwhile", () => {
  it.each([
    { kind: "moved", why: "both ends say so" },
    { kind: "lost", why: "on neither host" },
    { kind: "doubtful", why: "node2 is silent" },
  ] as const)("records nothing of a guest that is closed meanwhile: $kind", async (end) => {
    platformMigrates(async () => {
      await host.ask("close");
      return end;
    });
    await migrate();

    expect(record()).toBeUndefined();
    expect(host.facts.migrations.get("web1")).toBeUndefined();
    expect(host.log.messages("info").filter((message) => message === "migration recorded")).toHaveLength(1);
  });

  it("drops its own record when the guest is closed just before it is asked for", async () => {
    host.platform.deeds.migrate = async (_guest, plan) => {
      await host.ask("close");
      await plan.onMoving(UUID);
      throw new AgentError("REFUSED", "no such host");
    };
    await migrate();

    expect(record()).toBeUndefined();
  });

  it("records the end for a resource that was closed and opened meanwhile, of the guest that was asked for", async () => {
    platformMigrates(async () => {
      await host.ask("close");
      await host.ask("open");
      return { kind: "moved", why: "both ends say so" };
    });
    await migrate();

    expect(record()).toMatchObject({ kind: "left", uuid: UUID, peer: "node2" });
  });
});
