import { describe, expect, it, vi } from "vitest";
import { LibvirtCallError } from "../../../src/libvirt/errors.ts";
import { findTarget } from "../../../src/libvirt/sockets.ts";

describe("findTarget", () => {
  it.each([
    ["qemu:///system", false, ["/run/libvirt/virtqemud-sock", "/run/libvirt/libvirt-sock"]],
    ["qemu:///system", true, ["/run/libvirt/virtqemud-sock-ro", "/run/libvirt/libvirt-sock-ro"]],
    ["lxc:///", false, ["/run/libvirt/virtlxcd-sock", "/run/libvirt/libvirt-sock"]],
    ["qemu:///system?mode=direct", false, ["/run/libvirt/virtqemud-sock"]],
    ["qemu:///system?mode=legacy", false, ["/run/libvirt/libvirt-sock"]],
    ["qemu+unix:///system?socket=/tmp/a", true, ["/tmp/a"]],
  ])("for %s (read only: %s) tries %j", (uri, readOnly, sockets) => {
    expect(findTarget(uri, readOnly).sockets).toEqual(sockets);
  });

  it("finds a user's own daemons in the user's runtime folder", () => {
    vi.stubEnv("XDG_RUNTIME_DIR", "/run/user/7");

    expect(findTarget("qemu:///session", true).sockets).toEqual([
      "/run/user/7/libvirt/virtqemud-sock",
      "/run/user/7/libvirt/libvirt-sock",
    ]);

    vi.unstubAllEnvs();
  });

  it.each([
    ["qemu:///system", "qemu:///system"],
    ["test+unix:///default?socket=/tmp/a", "test:///default"],
    ["qemu:///system?mode=auto&other=1", "qemu:///system?other=1"],
  ])("opens %s as %s", (uri, driverUri) => {
    expect(findTarget(uri, false).driverUri).toBe(driverUri);
  });

  it.each([
    "",
    "qemu",
    "qemu+tcp://host/system",
    "qemu+ssh:///system",
    "qemu://host/system",
    "qemu:///system?mode=x",
  ])("refuses %j", (uri) => {
    expect(() => findTarget(uri, false)).toThrow(LibvirtCallError);
  });
});
