/** Guests of the machine's own libvirtd run as its own user, under no supervision by labels or cgroups. */
export const QEMU_CONF = `dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
cgroup_controllers = []
namespaces = []
`;

/** Says what it was asked, what it may do, that it can have something done outside of the sandbox, and that ssh runs. */
export const HARES = `#!/bin/sh
{
  echo "hares $*"
  grep -E '^(CapEff|NoNewPrivs):' /proc/self/status
  systemd-run --quiet --wait --pipe --collect grep -E '^(CapEff|NoNewPrivs):' /proc/self/status
  ssh -T -o BatchMode=yes -o ConnectTimeout=5 127.0.0.1 2>&1
  echo end
} >>/var/log/hares
`;

const RHEVM = `[Service]
ExecStart=/opt/vcs-kvmguest/node/bin/node /opt/vcs-kvmguest/dist/test/support/rhevm-simulator-main.js --port 8443 --password sesame --vms 1 --ca-out /srv/rhevm-ca.pem
`;

/** The credential of the example in the unit. */
const CREDENTIAL = "[Service]\nLoadCredential=rhevm:/etc/vcskvmguestd/rhevm-password\n";

/** What writes one line each into the same file when it ends. */
const ENDS = (who: string) => `/bin/sh -c 'echo "${who} ended" >>/var/log/order'`;

/** As the engine does at a host's shutdown: it ends its guests by their agent. */
const ENGINE = `[Unit]
Description=Engine
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'echo "engine starts, agent is $(systemctl is-active vcskvmguestd)" >>/var/log/order'
ExecStop=/usr/local/sbin/stop-engine
`;

export const STOP_ENGINE = `#!/bin/sh
cd /opt/vcs-kvmguest/bin/KVMGuest
before=$(virsh domstate web1 | head -1)
./clean vm1 GuestName 1 web1 CleanReason 1 0
echo "engine cleans a guest that is $before: $?" >>/var/log/order
${ENDS("engine")}
`;

/** In place of a guest's scope, with libvirt's own ordering. Source: libvirt, virSystemdCreateMachine. */
const SCOPE = `[Unit]
After=libvirtd.service virtqemud.service
Before=virt-guest-shutdown.target
[Service]
Slice=machine.slice
ExecStart=/bin/sleep infinity
ExecStopPost=${ENDS("guest")}
`;

const VIRTQEMUD = `[Service]
ExecStart=/bin/sleep infinity
ExecStopPost=${ENDS("virtqemud")}
`;

/** Units and drop-ins of the machine, by their paths below /etc/systemd/system. */
export const UNITS: Readonly<Record<string, string>> = {
  "vcs.service": ENGINE,
  "rhevm.service": RHEVM,
  "guest-scope.service": SCOPE,
  "virtqemud.service": VIRTQEMUD,
  "vcskvmguestd.service.d/order.conf": `[Service]\nExecStopPost=${ENDS("agent")}\n`,
  "libvirtd.service.d/order.conf": `[Service]\nExecStopPost=${ENDS("libvirtd")}\n`,
  "vcskvmguestd.service.d/password.conf": CREDENTIAL,
};
