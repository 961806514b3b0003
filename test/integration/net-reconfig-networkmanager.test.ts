import { describe, expect, it } from "vitest";
import { FOUR, payload, SIX, systemdGuest } from "../support/systemd-guest.ts";

/** The first eight digits of its checksum, by which the service names what it makes. */
const shortOf = (content: string) => content.slice(content.indexOf("sha256=") + 7).slice(0, 8);

describe("vcs-net-reconfig with NetworkManager", () => {
  /** nmcli as far as the service asks it: eth0 has the connection aaaa. */
  const NMCLI = `case "$*" in
    "-t -f RUNNING general") echo running;;
    "-t -f DEVICE,STATE device") printf 'lo:unmanaged\\neth0:connected\\n';;
    "-t -f UUID,DEVICE connection show --active") printf 'bbbb:eth1\\naaaa:eth0\\n';;
    "-t -f NAME connection show") printf 'Wired\\nvcs-net-reconfig-0000aaaa\\n';;
    "-t -f ipv"*" connection show vcs-net-reconfig-"*) echo "$3:auto";;
    esac`;

  it("makes a connection from the one that the NIC has, and removes earlier ones of its own", async () => {
    const guest = await systemdGuest({ NetworkManager: "runs" });
    await guest.program("nmcli", NMCLI);
    const content = payload(FOUR);
    await guest.insert(content);

    expect((await guest.boot()).code).toBe(0);
    const name = `vcs-net-reconfig-${shortOf(content)}`;
    expect((await guest.calls()).filter((call) => !call.startsWith("nmcli -t"))).toEqual([
      `nmcli connection delete ${name}`,
      `nmcli connection clone uuid aaaa ${name}`,
      `nmcli connection modify ${name} connection.interface-name eth0 connection.autoconnect yes connection.autoconnect-priority 999 ipv4.method manual ipv4.addresses 10.1.2.3/24 ipv4.gateway 10.1.2.1 ipv4.dns-search site-a.example.com,example.com ipv4.dns 10.1.2.53`,
      `nmcli connection modify ${name} ipv6.dns-search  ipv6.dns 2001:db8::53`,
      `nmcli connection up ${name} ifname eth0`,
      "nmcli connection delete vcs-net-reconfig-0000aaaa",
    ]);
  });

  it("changes its own connection where the NIC has it already, and keeps what was cloned into it", async () => {
    const guest = await systemdGuest({ NetworkManager: "runs" });
    const content = payload(FOUR);
    const name = `vcs-net-reconfig-${shortOf(content)}`;
    const own = `case "$*" in "-t -f UUID,NAME connection show") printf 'bbbb:x\\naaaa:${name}\\n';; esac`;
    await guest.program("nmcli", `${NMCLI}\n${own}`);
    await guest.insert(content);

    expect((await guest.boot()).code).toBe(0);
    const calls = (await guest.calls()).filter((call) => !call.startsWith("nmcli -t"));
    expect(calls.join("\n")).not.toMatch(`delete ${name}|clone|add`);
    expect(calls[0]).toContain(`nmcli connection modify ${name} `);
    await guest.program("nmcli", `${own}\ncase "$2" in up) exit 4;; esac\n${NMCLI}`);
    await guest.write("/var/lib/vcs-net-reconfig/applied", "");
    expect((await guest.boot()).code).toBe(1);
    expect((await guest.calls()).join("\n")).not.toContain(`delete ${name}`);
  });

  it("waits for a NetworkManager that runs and has not looked at the NIC yet", async () => {
    const guest = await systemdGuest({ NetworkManager: "runs" });
    const starting = `case "$*" in
    "-t -f DEVICE,STATE device") [ -e /seen ] || { : >/seen; echo eth0:unmanaged; exit; };;
    "-t -f STARTUP general") echo starting;;
    esac`;
    await guest.program("nmcli", `${starting}\n${NMCLI}`);
    await guest.insert(payload(FOUR));

    expect((await guest.boot()).said).toContain("by networkmanager");
  });

  it("gives no servers to a family that the NIC does not have: NetworkManager would refuse all of it", async () => {
    const guest = await systemdGuest({ NetworkManager: "runs" });
    await guest.program("nmcli", NMCLI.replace('"$3:auto"', '"$3:disabled"'));
    await guest.insert(payload(FOUR));

    expect((await guest.boot()).code).toBe(0);
    expect((await guest.calls()).join("\n")).not.toContain("ipv6.dns");
  });

  it("makes a new one for a NIC that has none, IPv6 too", async () => {
    const guest = await systemdGuest({ NetworkManager: "runs" });
    await guest.program("nmcli", NMCLI.replace("\\naaaa:eth0", ""));
    const content = payload(SIX);
    await guest.insert(content);
    await guest.boot();

    const name = `vcs-net-reconfig-${shortOf(content)}`;
    const calls = await guest.calls();
    expect(calls).toContain(`nmcli connection add type ethernet con-name ${name} ifname eth0`);
    expect(calls.join("\n")).toContain(
      "ipv6.method manual ipv6.addresses 2001:db8:1::3/64 ipv6.gateway fe80::1 ipv6.dns-search",
    );
  });

  it("removes it and brings the old one back when it does not come up", async () => {
    const guest = await systemdGuest({ NetworkManager: "runs" });
    await guest.program("nmcli", `case "$1 $2 $3" in "connection up vcs-"*) exit 4;; esac\n${NMCLI}`);
    const content = payload(FOUR);
    await guest.insert(content);

    expect((await guest.boot()).code).toBe(1);
    expect((await guest.calls()).slice(-2)).toEqual([
      `nmcli connection delete vcs-net-reconfig-${shortOf(content)}`,
      "nmcli connection up uuid aaaa",
    ]);
  });

  it("waits for a NetworkManager that does not run yet", async () => {
    const guest = await systemdGuest({ NetworkManager: "rests" });
    await guest.program("nmcli", "exit 8");
    await guest.insert(payload(FOUR));

    const { code, said } = await guest.boot();

    expect(code).toBe(0);
    expect(said).toContain("does not run yet: its service takes the settings up");
    expect((await guest.calls()).every((call) => call.startsWith("nmcli -t"))).toBe(true);
    await guest.program("nmcli", NMCLI);
    expect((await guest.boot()).said).toContain("applied");
  });

  it("leaves a NIC to systemd-networkd that it does not manage", async () => {
    const guest = await systemdGuest({ NetworkManager: "runs", "systemd-networkd": "rests" });
    await guest.program("nmcli", NMCLI.replace("eth0:connected", "eth0:unmanaged"));
    await guest.insert(payload(FOUR));

    expect((await guest.boot()).said).toContain("by networkd");
  });
});
