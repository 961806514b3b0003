import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DispatcherHost } from "../../support/fakes/dispatcher-host.ts";
import { VirtualClock } from "../../support/fakes/virtual-clock.ts";

let clock: VirtualClock;
let host: DispatcherHost;

beforeEach(() => {
  clock = new VirtualClock();
  host = new DispatcherHost();
});

afterEach(() => {
  clock.stop();
});

describe("actions", () => {
  it("answer scenario 8, a token that is none, with its name and exit code 1", async () => {
    expect(await host.act("reboot")).toEqual({ exitCode: 1, output: "there is no action reboot\n" });
    expect(await host.act("constructor")).toEqual({
      exitCode: 1,
      output: "there is no action constructor\n",
    });
    expect(host.platform.calls).toEqual([]);
  });

  it("tell that DevScan is for RHEV only", async () => {
    expect(await host.act("DevScan")).toEqual({
      exitCode: 1,
      output:
        "action DevScan applies to guests of RHEV-M only (RHEVMInfo.Enabled = 1): this one is plain KVM\n",
    });
  });

  it("hand DevScan of a guest of RHEV-M to the scans, with its arguments", async () => {
    const calls: string[] = [];
    host.devScans = {
      ask: ({ resource, args }) => {
        calls.push(`${resource} ${args.join(" ")}`);
        return Promise.resolve({ exitCode: 1, output: "DevScan failed (SPM): no" });
      },
    };
    await host.restart();
    const more = { RHEVMInfo: ["Enabled", "1", "URL", "https://rhevm.example.com"] };

    expect(await host.act("DevScan", { more })).toEqual({
      exitCode: 1,
      output: "DevScan failed (SPM): no\n",
    });
    expect(calls).toEqual(["web1_res "]);
  });

  it("refresh what is known of their resource, as every request does", async () => {
    await host.act("DevScan", { guest: "web7" });

    expect(host.book.get("web1_res")?.registration.attributes.guestName).toBe("web7");
  });

  it("fail in words when their arguments are broken", async () => {
    expect(await host.act("DevScan", { more: { DelayAfterGuestOnline: "soon" } })).toEqual({
      exitCode: 1,
      output: 'resource web1_res: DelayAfterGuestOnline = "soon": must be whole seconds, 0 or more\n',
    });
    expect(host.log.count("entry point failed")).toBe(1);
  });
});
