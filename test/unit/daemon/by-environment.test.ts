import { describe, expect, it } from "vitest";
import { PlatformByEnvironment } from "../../../daemon/platforms/by-environment.ts";
import { AgentError } from "../../../src/agent-error.ts";
import { errorOf } from "../../support/error-of.ts";
import { FakePlatform, RUNNING } from "../../support/fakes/fake-platform.ts";

const signal = new AbortController().signal;

/** Both environments; guests whose name begins with `vm` are kept in RHEV. */
function environments() {
  const [kvm, rhev] = [new FakePlatform(), new FakePlatform()];
  const platform = new PlatformByEnvironment({
    platforms: { kvm, rhev },
    environmentOf: (guest) => (guest.startsWith("vm") ? "rhev" : "kvm"),
  });
  return { platform, kvm, rhev };
}

describe("the platform over all environments", () => {
  it("asks the environment that keeps a guest, and no other", async () => {
    const { platform, kvm, rhev } = environments();

    await platform.start("vm1", signal);
    await platform.destroy("web1", { patienceMs: 1000, startMayBePending: false }, signal);

    expect(rhev.calls).toEqual(["start vm1"]);
    expect(kvm.calls).toEqual(["destroy web1 1000"]);
  });

  it("reads the guests of all environments together", async () => {
    const { platform, kvm, rhev } = environments();
    kvm.readings.set("web1", RUNNING);
    rhev.readings.set("vm1", RUNNING);

    const readings = await platform.readAll(["web1", "vm1"], signal);

    expect([...readings.keys()].toSorted((one, other) => (one < other ? -1 : 1))).toEqual(["vm1", "web1"]);
  });

  it("reads the guests of one environment while the other cannot be read", async () => {
    const { platform, rhev } = environments();
    rhev.deeds.readAll = () => Promise.reject(new AgentError("PLATFORM_DOWN", "no engine"));

    const readings = await platform.readAll(["web1", "vm1"], signal);

    expect([...readings.keys()]).toEqual(["web1"]);
  });

  it("says so when none can be read", async () => {
    const { platform, rhev } = environments();
    rhev.deeds.readAll = () => Promise.reject(new AgentError("PLATFORM_DOWN", "no engine"));

    expect(await errorOf(platform.readAll(["vm1"], signal))).toMatchObject({ code: "PLATFORM_DOWN" });
  });

  it("passes on what each environment publishes", () => {
    const { platform, kvm, rhev } = environments();
    const heard: string[] = [];
    platform.events.on("changed", (guest) => void heard.push(guest));
    platform.events.on("lost", (source, reason) => void heard.push(`${source}: ${reason}`));

    rhev.events.emit("changed", "vm1");
    kvm.events.emit("lost", "libvirt", "libvirtd is gone");

    expect(heard).toEqual(["vm1", "libvirt: libvirtd is gone"]);
  });
});
