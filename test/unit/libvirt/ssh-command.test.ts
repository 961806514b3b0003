import { describe, expect, it } from "vitest";
import { sshArguments, sshFailure } from "../../../src/libvirt/ssh-command.ts";
import { findTarget, type SshTarget } from "../../../src/libvirt/target.ts";

function target(uri: string, readOnly = false): SshTarget {
  const found = findTarget(uri, readOnly);
  if (found.transport !== "ssh") throw new Error("no ssh");
  return found;
}

const NODE2 = target("qemu+ssh://node2/system");

describe("sshArguments", () => {
  it("asks nobody, forwards nothing, shares nothing, and takes nothing after the dashes for an option", () => {
    expect(sshArguments(NODE2, 2500).slice(0, -1).join(" ")).toBe(
      "-T -a -x -e none -o BatchMode=yes -o ConnectTimeout=3 -o ControlPath=none -o LogLevel=ERROR -- node2",
    );
  });

  it("passes on what the URI says", () => {
    const uri = "qemu+ssh://kvm@node2:2222/system?keyfile=/k/id&known_hosts=/k/hosts";

    expect(sshArguments(target(uri), 1000).slice(13, -1).join(" ")).toBe(
      "-o IdentitiesOnly=yes -o UserKnownHostsFile=/k/hosts -p 2222 -l kvm -i /k/id -- node2",
    );
  });

  it("has the other host run libvirt's helper, else join the first socket that is there", () => {
    const command = sshArguments(NODE2, 1000).at(-1);

    expect(command).toMatch(/^sh -c '[^']*'$/);
    expect(command).toContain('exec virt-ssh-helper "qemu:///system"');
    expect(command).toContain("for s in /run/libvirt/virtqemud-sock /run/libvirt/libvirt-sock; do");
  });

  it("lets no parameter of the URI reach the other host's shell", () => {
    const command = sshArguments(target("qemu+ssh://node2/system?x=';id;'&y=$(id)"), 1000).at(-1);

    expect(command).toMatch(/^sh -c '[^']*'$/);
    expect(command).toContain('"qemu:///system?x=%27%3Bid%3B%27&y=%24%28id%29"');
  });

  it("says to the helper that nothing is to be changed", () => {
    const readOnly = sshArguments(target("qemu+ssh://node2/system", true), 1000).at(-1);

    expect(readOnly).toContain('exec virt-ssh-helper -r "qemu:///system"');
    expect(readOnly).toContain("/run/libvirt/libvirt-sock-ro");
  });

  it("leaves the helper out where the URI names the socket", () => {
    const command = sshArguments(target("qemu+ssh://node2/system?socket=/a/b"), 1000).at(-1);

    expect(command).not.toContain("exec virt-ssh-helper");
    expect(command).toContain("for s in /a/b; do");
  });
});

describe("sshFailure", () => {
  it.each([
    [255, "Host key verification failed.", "auth"],
    [255, "No ED25519 host key is known for node2 and you have requested strict checking.", "auth"],
    [255, "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @", "auth"],
    [255, "root@node2: Permission denied (publickey,password).", "auth"],
    [255, "Received disconnect from 10.0.0.2 port 22:2: Too many authentication failures", "auth"],
    [255, 'Load key "/k/id": Permission denied', "auth"],
    [255, "ssh: connect to host node2 port 22: No route to host", "no socket"],
    [255, "ssh: Could not resolve hostname node2: Name or service not known", "no socket"],
    [255, "Connection to node2 closed by remote host.", "no socket"],
    [255, "", "no socket"],
    [1, "nc: unix connect failed: No such file or directory", "no socket"],
    [127, "none of virt-ssh-helper, nc and socat is installed there", "no socket"],
    [null, "", "no socket"],
  ] as const)("takes an end with %s and %j as %s", (code, words, kind) => {
    const error = sshFailure(NODE2, { code, words });

    expect(error?.kind).toBe(kind);
    expect(error?.message).toContain("ssh node2");
    expect(error?.message).toContain(words);
  });

  it("takes an end without trouble as the daemon's own", () => {
    expect(sshFailure(NODE2, { code: 0, words: "" })).toBeUndefined();
  });
});
