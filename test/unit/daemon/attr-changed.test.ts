import { beforeEach, describe, expect, it } from "vitest";
import { AgentError } from "../../../src/agent-error.ts";
import { DispatcherHost } from "../../support/fakes/dispatcher-host.ts";
import { requestArguments } from "../../support/fakes/resources.ts";

let host: DispatcherHost;

beforeEach(() => {
  host = new DispatcherHost();
});

function changed(attribute: string): Promise<number> {
  return host.raw("attr_changed", ["web1_res", "web1_res", attribute]);
}

/** What hares -value prints, with the type's defaults where the test says nothing. */
function engineSays(more: Readonly<Record<string, string>>): void {
  const values = {
    GuestName: "web1",
    DelayAfterGuestOnline: "5",
    DelayAfterGuestOffline: "30",
    SyncDir: "",
    GuestConfigFilePath: "",
    CEInfo: "Enabled 0 CESystem NONE FaultOnHBLoss 1",
    RHEVMInfo: "Enabled 0 URL NONE User NONE Password NONE Cluster NONE UseManualRHEVMFencing 0",
    ResyncVMCfg: "0",
    DROpts: "ConfigureNetwork 0 IPAddress NONE",
    ...more,
  };
  for (const [name, value] of Object.entries(values)) host.engine.values.set(name, value);
}

describe("attr_changed", () => {
  it("reads all attributes from the engine and warns of delays below the defaults", async () => {
    await host.ask("open");
    engineSays({ DelayAfterGuestOnline: "3", DelayAfterGuestOffline: "10" });

    expect(await changed("DelayAfterGuestOnline")).toBe(0);
    expect(host.book.get("web1_res")?.registration.attributes).toMatchObject({
      delayAfterGuestOnlineS: 3,
      delayAfterGuestOfflineS: 10,
    });
    expect(host.log.messages("warn")).toEqual([
      "delay is below its default, the first monitor may find the guest not yet up",
      "delay is below its default, the guest may be ended by force before it has stopped",
    ]);
  });

  it("keeps the attributes of the last request when the engine does not answer", async () => {
    await host.ask("open", { more: { DelayAfterGuestOnline: "60" } });
    host.engine.trouble = new AgentError("PLATFORM_DOWN", "hares: not found");
    await changed("SyncDir");

    expect(host.book.get("web1_res")?.registration.attributes.delayAfterGuestOnlineS).toBe(60);
    expect(host.log.messages("warn")).toEqual([
      "engine does not tell the attributes, the ones of the last request serve",
    ]);
  });

  it("names the key of DROpts that is wrong", async () => {
    await host.ask("open");
    engineSays({ DROpts: "ConfigureNetwork 1 IPAddress 10.1.2.3 Netmask 24 Gateway 10.9.9.1" });
    await changed("DROpts");

    expect(JSON.stringify(host.log.entries.map(({ fields }) => [fields, String(fields["err"])]))).toContain(
      'resource web1_res: DROpts.Gateway = \\"10.9.9.1\\": is not in the network 10.1.2.0/24',
    );
  });

  it("logs what the environment of the resource lacks", async () => {
    await host.ask("open");
    engineSays({});
    host.platform.findings = [{ level: "warn", text: "guest web1 is not defined on this host" }];
    await changed("GuestName");

    expect(host.log.entries.at(-2)).toMatchObject({
      level: "warn",
      fields: { finding: "guest web1 is not defined on this host" },
    });
  });

  it("drops what is known of a guest that no resource keeps any more", async () => {
    await host.ask("open");
    await host.facts.migrations.end("web1", undefined, "node2", { kind: "moved", why: "both ends say so" });
    engineSays({ GuestName: "db1" });
    await changed("GuestName");

    expect(host.migrations.saved.get("web1")).toBeUndefined();
    expect(host.facts.migrations.get("web1")).toBeUndefined();
    expect(host.platform.calls).toContain("forget web1");
  });

  it("keeps it while another resource keeps the guest", async () => {
    await host.ask("open");
    await host.raw("open", requestArguments("web1_too", { GuestName: "web1" }));
    await host.facts.migrations.end("web1", undefined, "node2", { kind: "moved", why: "both ends say so" });
    engineSays({ GuestName: "db1" });
    await changed("GuestName");

    expect(host.migrations.saved.get("web1")).toMatchObject({ kind: "left" });
    expect(host.platform.calls).not.toContain("forget web1");
  });

  it("is refused for a resource that nobody has opened", async () => {
    expect(await changed("SyncDir")).toBe(0);
    expect(host.log.messages("warn")).toEqual(["entry point failed"]);
  });
});
