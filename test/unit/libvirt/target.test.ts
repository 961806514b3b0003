import { describe, expect, it, vi } from "vitest";
import { LibvirtCallError } from "../../../src/libvirt/errors.ts";
import { findTarget, targetName } from "../../../src/libvirt/target.ts";

describe("findTarget", () => {
  it.each([
    ["qemu:///system", false, ["/run/libvirt/virtqemud-sock", "/run/libvirt/libvirt-sock"]],
    ["qemu:///system", true, ["/run/libvirt/virtqemud-sock-ro", "/run/libvirt/libvirt-sock-ro"]],
    ["lxc:///", false, ["/run/libvirt/virtlxcd-sock", "/run/libvirt/libvirt-sock"]],
    ["qemu:///system?mode=direct", false, ["/run/libvirt/virtqemud-sock"]],
    ["qemu:///system?mode=legacy", false, ["/run/libvirt/libvirt-sock"]],
    ["qemu+unix:///system?socket=/tmp/a", true, ["/tmp/a"]],
  ])("for %s (read only: %s) tries %j", (uri, readOnly, sockets) => {
    expect(findTarget(uri, readOnly)).toMatchObject({ transport: "unix", sockets });
  });

  it("finds a user's own daemons in the user's runtime folder", () => {
    vi.stubEnv("XDG_RUNTIME_DIR", "/run/user/7");

    expect(findTarget("qemu:///session", true)).toMatchObject({
      sockets: ["/run/user/7/libvirt/virtqemud-sock", "/run/user/7/libvirt/libvirt-sock"],
    });

    vi.unstubAllEnvs();
  });

  it.each([
    ["qemu:///system", "qemu:///system"],
    ["test+unix:///default?socket=/tmp/a", "test:///default"],
    ["qemu:///system?mode=auto&other=1", "qemu:///system?other=1"],
    ["qemu+tcp://node2/system", "qemu:///system"],
    ["qemu+tcp://node2/system?other=1", "qemu:///system?other=1"],
  ])("opens %s as %s", (uri, driverUri) => {
    expect(findTarget(uri, false).driverUri).toBe(driverUri);
  });

  it.each([
    ["qemu+tcp://node2/system", "node2", 16_509],
    ["qemu+tcp://node2.example.com:7/system", "node2.example.com", 7],
    ["qemu+tcp://127.0.0.1:65535/system", "127.0.0.1", 65_535],
    ["qemu+TCP://[fe80::1]:16509/system", "fe80::1", 16_509],
  ])("leads %s to %s, port %i", (uri, host, port) => {
    expect(findTarget(uri, false)).toMatchObject({ transport: "tcp", host, port });
  });

  it("takes TLS for a host without a transport, as libvirt does", () => {
    expect(findTarget("qemu://node2/system", false)).toMatchObject({
      transport: "tls",
      driverUri: "qemu:///system",
      host: "node2",
      port: 16_514,
      pki: {
        ca: "/etc/pki/CA/cacert.pem",
        crl: "/etc/pki/CA/cacrl.pem",
        cert: "/etc/pki/libvirt/clientcert.pem",
        key: "/etc/pki/libvirt/private/clientkey.pem",
      },
    });
  });

  it("looks for certificates where the URI says", () => {
    expect(findTarget("qemu+tls://node2:7/system?pkipath=/pki/a%20b&other=1", false)).toMatchObject({
      driverUri: "qemu:///system?other=1",
      port: 7,
      pki: {
        ca: "/pki/a b/cacert.pem",
        crl: "/pki/a b/cacrl.pem",
        cert: "/pki/a b/clientcert.pem",
        key: "/pki/a b/clientkey.pem",
      },
    });
  });

  it("leaves to ssh's own configuration what the URI does not say", () => {
    expect(findTarget("qemu+ssh://node2/system", false)).toEqual({
      transport: "ssh",
      driverUri: "qemu:///system",
      host: "node2",
      port: undefined,
      user: undefined,
      keyFile: undefined,
      knownHosts: undefined,
      helperUri: "qemu:///system",
      sockets: ["/run/libvirt/virtqemud-sock", "/run/libvirt/libvirt-sock"],
      readOnly: false,
    });
  });

  it("goes without libvirt's helper to a socket that the URI names, as libvirt does", () => {
    const uri = "qemu+ssh://kvm@node2:2222/system?socket=/run/a&keyfile=/k/id&known_hosts=/k/hosts";

    expect(findTarget(uri, true)).toEqual({
      transport: "ssh",
      driverUri: "qemu:///system",
      host: "node2",
      port: 2222,
      user: "kvm",
      keyFile: "/k/id",
      knownHosts: "/k/hosts",
      helperUri: undefined,
      sockets: ["/run/a"],
      readOnly: true,
    });
  });

  it.each([
    "",
    "qemu",
    "qemu+ssh2://host/system",
    "qemu+tcp:///system",
    "qemu+tcp://-oProxyCommand=x/system",
    "qemu+tcp://a b/system",
    "qemu+tcp://$(id)/system",
    "qemu+tcp://[::1/system",
    "qemu+tcp://node2:0/system",
    "qemu+tcp://node2:65536/system",
    "qemu+tcp://node2:x/system",
    "qemu+tcp://me@node2/system",
    "qemu+tcp://node2/system?socket=/tmp/a",
    "qemu+tcp://node2/system?pkipath=/pki",
    "qemu+tls://node2/system?pkipath=pki",
    "qemu+tls://me@node2/system",
    "qemu+tls:///system",
    "qemu+ssh:///system",
    "qemu+ssh://-oProxyCommand=x/system",
    "qemu+ssh://node2;id/system",
    "qemu+ssh://-oProxyCommand=x@node2/system",
    "qemu+ssh://a'b@node2/system",
    "qemu+ssh://me:secret@node2/system",
    "qemu+ssh://node2/system?socket=/tmp/a'b",
    "qemu+ssh://node2/system?socket=/tmp/$(id)",
    "qemu+ssh://node2/system?socket=/tmp/a%20b",
    "qemu+ssh://node2/system?socket=a",
    "qemu+ssh://node2/system?keyfile=%2Fk%2F%25h",
    "qemu+ssh://node2/system?known_hosts=-x",
    "qemu+ssh://node2/sys`id`tem",
    "qemu+ssh://node2/system?no_verify=1",
    "qemu+ssh://node2/system?command=/tmp/x",
    "qemu+ssh://node2/session",
    "qemu+unix://node2/system",
    "qemu+unix://me@/system",
    "qemu:///system?mode=x",
  ])("refuses %j", (uri) => {
    expect(() => findTarget(uri, false)).toThrow(LibvirtCallError);
  });

  it.each(["qemu+unix:///system?socket=", "qemu+ssh://node2/system?socket="])(
    "takes 107 bytes of %sPATH and no more",
    (uri) => {
      expect(findTarget(`${uri}/${"x".repeat(106)}`, false)).toBeDefined();
      expect(() => findTarget(`${uri}/${"x".repeat(107)}`, false)).toThrow(
        "is longer than the 107 bytes of a socket's path",
      );
    },
  );

  it("says what is wrong with a URI", () => {
    expect(() => findTarget("qemu+tcp://node2/system?no_verify=1", false)).toThrow(
      '"qemu+tcp://node2/system?no_verify=1" cannot be opened: the parameter "no_verify" is not supported with the transport tcp',
    );
  });
});

describe("a refusal", () => {
  it.each([
    "qemu+ssh://me:hunter2@node2/system",
    "qemu+tcp://me:hunter2@node2/system",
    "qemu+ssh://:hunter2@/",
  ])("does not repeat what may be a password in %s", (uri) => {
    expect(() => findTarget(uri, false)).toThrow(LibvirtCallError);
    expect(() => findTarget(uri, false)).not.toThrow("hunter2");
  });
});

describe("targetName", () => {
  it.each([
    ["qemu+unix:///system?socket=/tmp/a", "/tmp/a"],
    ["qemu+tcp://node2/system", "tcp node2:16509"],
    ["qemu+tcp://[::1]:7/system", "tcp [::1]:7"],
    ["qemu://node2/system", "tls node2:16514"],
    ["qemu+ssh://node2/system", "ssh node2"],
    ["qemu+ssh://me@node2:22/system", "ssh me@node2:22"],
  ])("calls %s %s", (uri, name) => {
    expect(targetName(findTarget(uri, false))).toBe(name);
  });
});
