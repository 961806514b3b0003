import type { Check, CheckedResource } from "../../readiness.ts";
import type { RivalPlaces } from "../rivals.ts";
import { SharedStorage } from "../shared-storage.ts";
import { autostartCheck, libvirtGuestsCheck } from "./autostart.ts";
import { type CertificatePlaces, certificatesCheck } from "./certificates.ts";
import { definitionCheck } from "./definition.ts";
import { disksCheck } from "./disks.ts";
import type { HostAccess } from "./host-access.ts";
import { libvirtCheck } from "./libvirt.ts";
import { locksCheck } from "./locks.ts";
import { type Peer, peerCheck, peerCpuCheck } from "./peer.ts";
import { peerAddressCheck } from "./peer-address.ts";
import { peerGuestCheck } from "./peer-guest.ts";
import { syncFolderChecks } from "./sync-folder.ts";

export interface KvmCheckParts {
  readonly uri: string;
  /** The sockets on which this host's libvirt is looked for, in order. */
  readonly sockets: readonly string[];
  readonly libvirt: HostAccess;
  readonly peers: readonly Peer[];
  /** The resources of plain KVM. */
  readonly resources: readonly CheckedResource[];
  readonly ownSystem: string;
  readonly migrateUri: string | undefined;
  readonly encrypts: boolean;
  readonly doubleStart: "warn" | "strict";
  readonly rivals: RivalPlaces;
  readonly certificates: CertificatePlaces;
}

/** Everything that is checked of plain KVM: a new check is a line here, its course in a file of its own. */
export function kvmChecks(parts: KvmCheckParts): readonly Check[] {
  const { uri, sockets, libvirt, peers, resources, ownSystem, migrateUri, encrypts, doubleStart } = parts;
  const { rivals, certificates } = parts;
  const storage = new SharedStorage();
  const hasPeers = peers.length > 0;
  return [
    libvirtCheck(libvirt, { uri, sockets }),
    libvirtGuestsCheck(rivals),
    locksCheck({ qemuFile: certificates.qemuFile, doubleStart, hasPeers }),
    certificatesCheck({ peers, encrypts, places: certificates }),
    ...resources.map((one) => definitionCheck(libvirt, storage, one)),
    ...resources.map((one) => autostartCheck(libvirt, rivals, one)),
    ...resources.map((one) => disksCheck({ libvirt, storage, hasPeers }, one)),
    ...resources.flatMap((one) => syncFolderChecks(storage, one)),
    ...peers.map((peer) => peerCheck(libvirt, peer, ownSystem)),
    ...peers.map((peer) => peerAddressCheck(peer, migrateUri)),
    ...peers.map((peer) => peerCpuCheck(libvirt, peer)),
    ...peers.flatMap((peer) => resources.map((one) => peerGuestCheck(libvirt, peer, one))),
  ];
}
