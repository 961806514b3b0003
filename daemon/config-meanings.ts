import type { z } from "zod";
import type { configSchema } from "./config-schema.ts";

/** Full names of all keys of a part of the configuration, as the file has it; a list or a mapping of free names is one key. */
type KeysOf<Part> = {
  [Key in keyof Part & string]: NonNullable<Part[Key]> extends infer Value
    ? Value extends readonly unknown[]
      ? Key
      : Value extends object
        ? string extends keyof Value
          ? Key
          : `${Key}.${KeysOf<Value>}`
        : Key
    : never;
}[keyof Part & string];

/**
 * What each key of the configuration means, in Markdown with code and no other marks; kind, unit, limits and default are the
 * schema's. docs/configuration.md and vcskvmguestd.yaml(5) are made of it, and a test keeps them so.
 */
export const KEY_MEANINGS = {
  socket:
    "Where the shims ask, at most 107 bytes. If you move it, set `VCSKVMGUESTD_SOCKET` in `/etc/default/vcskvmguestd` too: the shims do not read this file",
  "readOnlySocket.path":
    "A second socket that shows state and runs nothing, at most 107 bytes. It needs a folder of its own",
  "readOnlySocket.gid": "Number of the group that may read there. Required with the path",
  stateDirectory:
    "Registrations of resources, records of migrations, hosts of RHEV-M that a scan sent to maintenance, and images for guests (payload/), which emulators read. On a local disk: no other host may see it",
  "log.level": "How much the log says; `debug` shows every monitor",
  "log.format": "`json`, one object a line for programs, or `text` for people (docs/logs.md)",
  "metrics.listen":
    "An address of the loopback and a port, such as `127.0.0.1:9868` or `[::1]:9868`, on which `/metrics` is served to Prometheus on this host, and nothing else. Every user of the host can read it. Other addresses are refused. Without it metrics are on the sockets only",
  monitorIntervalS:
    "Pause between two readings of all guests. Events make the daemon look sooner; this finds what no event told",
  stopTimeoutS:
    "How long the daemon takes to stop: half for running requests, half for the rest. Keep it below the unit's TimeoutStopSec (30)",
  "engine.hares":
    "The command that asks the engine for a probe and for attributes. `hasys`, `haclus` and `hagrp` are taken from the same folder",
  "engine.system":
    "The name of this system in the cluster. Without it: the content of `sysnameFile`, else the short host name",
  "engine.sysnameFile": "The file in which the engine keeps that name",
  "engine.timeoutS": "After this long a `hares` that does not answer is killed",
  "engine.log":
    "What goes to the engine's log too, where the engine's `ag_i18n_inc.sh` is beside `hares`: `states`, warnings, errors and changes of state; `warnings`, without the last; `off`, nothing",
  "libvirt.uri": "The driver. Only local ones: guests are kept on this host",
  "libvirt.sockets":
    "Sockets, tried in order, each at most 107 bytes. Without it: those that libvirt itself tries for the URI, virtqemud's before libvirtd's",
  "libvirt.runDirectory":
    "Where libvirt writes the pid files of emulators. They prove a guest when libvirt does not answer",
  "libvirt.openTimeoutS": "Limit for opening a connection",
  "libvirt.keepaliveIntervalS": "A connection that was silent this long is pinged",
  "libvirt.keepaliveCount": "Pings without an answer after which it is dead",
  "kvm.guestPowerOff":
    "A power-off from inside the guest: `fault` answers OFFLINE (the engine restarts or fails over), `intentional` answers INTENTIONAL OFFLINE (it stays off)",
  "kvm.autostart":
    "libvirt's autostart of a kept guest: `clear` removes it, `warn` only says so. With it, a host that comes back boots a guest that runs elsewhere. From a guest that the agent itself defines (GuestConfigFilePath, ResyncVMCfg) it is removed in any case",
  "kvm.shutdown":
    "How offline asks a guest to stop: the power button, or `agent`, the guest agent first and the button when it does not answer",
  "kvm.ioErrorPause":
    "A guest that a failed disk has paused: `wait` leaves it to you; `resume` lets it go on as soon as the disk does, tried again and again, 5 s to 60 s apart, while the engine knows it as ONLINE and nobody works on it",
  "kvm.managedSave":
    "What online does with a managed save image of the guest: `restore` goes on from it if it is proved that the guest was saved here and ran nowhere since, and boots anew else; `discard` always boots anew; `refuse` fails and leaves the choice to you (docs/operations.md)",
  "kvm.states":
    "Other answers for rows of the state table (docs/states.md): a row's name to `ONLINE 10` to `ONLINE 100` in tens, `OFFLINE`, `INTENTIONAL OFFLINE` or `UNKNOWN`. A row that begins with `shut off` cannot be ONLINE",
  "kvm.doubleStart":
    "A start while a peer cannot be read: `warn` says so and goes on, `strict` refuses. A guest that is found active on a peer is refused in any case",
  "heartbeat.intervalS": "Between two questions to one guest",
  "heartbeat.timeoutS": "How long libvirt gives the agent for an answer",
  "heartbeat.misses":
    "After at least so many questions without an answer, and `heartbeat.lossS`, a heartbeat is lost",
  "heartbeat.lossS":
    "The least time since the last answer for a heartbeat to be lost. A guest whose agent ends early in its shutdown, and that then takes longer than this to power off or to boot again, looks dead: give it more",
  peers:
    "How the libvirtds of the other systems are reached, at most 64: the cluster's name of each system, with its `uri`. The entry of this system itself is left out, so that all systems can have the same file",
  "sync.secrets":
    "Whether passwords of displays (VNC, SPICE) are in the copies. Without them a guest that is defined from its copy has a display without a password",
  "sync.versions": "How many earlier copies stay, as GUEST.xml.1 (the youngest) and so on",
  "migration.migrateUri":
    "Where the guest's memory goes, for instance `tcp://{host}-mig`; `{host}` is the host of the peer's URI. Without it libvirt chooses",
  "migration.bandwidthMiBps": "At most so many MiB a second. Without it as much as the network carries",
  "migration.parallelConnections":
    "Connections that carry the memory at the same time. Without it one. Not together with `postCopy`: QEMU 7.2 loses the guest with both",
  "migration.downtimeMs": "How long the guest may stand still at the end. Without it libvirt's 300",
  "migration.autoConverge": "Slows a guest down that writes faster than its memory travels",
  "migration.postCopy":
    "After two passes the guest runs on the target before all its memory is there. It always ends then, but a network that breaks meanwhile costs the guest; from that moment the agent never aborts it. Not together with `parallelConnections`",
  "migration.encrypt":
    "The emulators encrypt the memory on its way (libvirt's VIR_MIGRATE_TLS); their certificates must be set up",
  sites:
    "The sites of the cluster: name to systems. A guest of plain KVM that is configured for disaster recovery (DROpts.ConfigureNetwork = 1) is not migrated to a system of another site. Without it all are one site. In RHEV the cluster of RHEV-M is the site, whatever is set here",
  "rhev.auth":
    "How the daemon logs in: `basic`, a session of the API, works with every engine; `oauth`, a token of the engine's single sign-on, from oVirt 4.0 on",
  "rhev.caFile":
    "A file (PEM) with the authority that signed the engine's certificate. Read anew for each connection. Without it and without `fingerprints`: the authorities that this host trusts (`update-ca-trust`, `update-ca-certificates`), and where it keeps none in a known place those that come with Node.js",
  "rhev.fingerprints":
    "Instead of `caFile`: SHA-256 fingerprints of certificates of engines that are accepted, whoever signed them and whatever name is in them. Their dates count all the same",
  "rhev.passwordCommand":
    "The command that decrypts RHEVMInfo's Password, and its arguments: `{encrypted}` in one of them stands for the encrypted text; without it the text goes to its standard input. It prints the password, within 10 s. Without any of the three: `/opt/VRTSvcs/bin/vcsdecrypt -agent {encrypted}`",
  "rhev.passwordCredential":
    "Instead of a command: the name of a credential of the unit (`LoadCredential=`, `LoadCredentialEncrypted=`) that holds the password",
  "rhev.passwordFile": "Instead of both: a file that holds the password, root's and with mode 0600",
  "rhev.host": "Name, address or id that RHEV-M has for this host, where it is not found by itself",
  "rhev.hosts":
    "Name, address or id that RHEV-M has for a system of the cluster, by the cluster's name of the system, for instance `{ node2: rhev-host2 }`. A system that is not in it is looked for by its name. For manual fencing, one that is not in it is the host whose name or address is exactly the system's name; what is not one to one is refused, never guessed at",
  "rhev.connectTimeoutS": "Limit for a connection with its TLS handshake",
  "rhev.answerTimeoutS": "Limit for one request with its whole answer",
  "rhev.clusters":
    "Clusters of RHEV-M to the remote clusters of the engine (`haclus -state`) that their hosts form. DevScan asks the engine whether such a cluster is FAULTED before it isolates its SPM",
  "rhev.devScan.deviceCommand":
    'Program (absolute path) and arguments that make all replicated devices of this cluster\'s guests writable, run before anything else of a scan, on the system where it was called. No shell sees it, and nothing but PATH and LC_ALL is in its environment. Exit code 0 says that all of them are writable. It may be run again at any time. Without it no devices are changed. It runs in the sandbox of the service, without devices: docs/vcs-setup.md, "The service", has the way out',
  "rhev.devScan.deviceCommandS":
    "After this long it is killed with all that it started, and the scan has failed",
  "rhev.devScan.spmWaitS": "How long the SPM role may take to come to a host of the local cluster",
  "rhev.devScan.movesGuests":
    "Whether hosts of other clusters on which guests run may be sent to maintenance. RHEV-M migrates the guests, or refuses. `false` refuses and names hosts and guests",
  "limits.bodyBytes": "Largest request",
  "limits.requestsAtOnce":
    "Entry points that run at the same time. Raise it above the number of resources if that is larger",
  "limits.readRequestS": "A request that is not whole after this is refused",
  "limits.connections": "Open connections to a socket",
} as const satisfies Record<KeysOf<z.input<typeof configSchema>>, string>;
