import { describe, expect, it } from "vitest";
import { AFFECT, FEATURE, LIST_DOMAINS, MONITOR_COMMAND, STATS } from "../../../src/libvirt/flags.ts";
import type { Procedure } from "../../../src/libvirt/procedure.ts";
import { DOMAIN_PROCEDURES, QEMU_PROCEDURES } from "../../../src/libvirt/procedures-domain.ts";
import { HOST_PROCEDURES } from "../../../src/libvirt/procedures-host.ts";
import { JOB_PROCEDURES } from "../../../src/libvirt/procedures-job.ts";
import { readErrorReply } from "../../../src/libvirt/structures.ts";
import { XdrReader, XdrWriter } from "../../../src/libvirt/xdr.ts";
import {
  RECORDED_CALLS,
  type RecordedCall,
  RECORDED_UUID as uuid,
} from "../../support/libvirt-recordings.ts";

/** virsh sends the guest's name and number too; the binding knows only its UUID. */
const NAMED = /0000000477656231(1{8}2{4}43338444(?:5){12})(?:00000001|ffffffff)/g;

type Case = { name: string; sent: string; recorded: RecordedCall; decode: () => unknown; expected: unknown };

const of = { uuid };
const flagged = { uuid, flags: 0 };
const web1 = { name: "web1", uuid };
const XML = recordedXml();
const DISK =
  "<disk type='file' device='cdrom'><driver name='qemu'/><source file='/nowhere.iso'/><target dev='hdc' bus='ide'/></disk>";
const DESTINATION = {
  destinationUri: "qemu+unix:///system?socket=/nowhere",
  params: [{ field: "bandwidth", type: "ullong", value: 7n }],
  flags: 3,
} as const;
const AGENT_COMMAND = { uuid, command: '{"execute":"guest-ping"}', timeoutS: -1, flags: 0 };
const NO_AGENT = "Guest agent is not responding: QEMU guest agent is not connected";

function recordedXml(): string {
  return new XdrReader(Buffer.from(RECORDED_CALLS.domain_define_xml.args, "hex")).string();
}

function call<Args, Result>(procedure: Procedure<Args, Result>, args: Args, expected: unknown): Case {
  const name = procedure.program === 0x20008087 ? `qemu_${procedure.name}` : procedure.name;
  const recorded = recordedCall(name);
  const writer = new XdrWriter();
  procedure.encode(writer, args);
  const decode = (): unknown => {
    const reader = new XdrReader(Buffer.from(recorded.reply, "hex"));
    const result = recorded.refused ? readErrorReply(reader) : procedure.decode(reader);
    reader.end();
    return result;
  };
  return { name, sent: writer.bytes().toString("hex"), recorded, decode, expected };
}

function recordedCall(name: string): RecordedCall {
  const found = Object.entries(RECORDED_CALLS).find(([key]) => key === name);
  if (found === undefined) throw new Error(`${name} was not recorded`);
  return found[1];
}

function refusal(code: number, domain: number, message: unknown): unknown {
  return expect.objectContaining({ code, domain, level: 2, message });
}

const CASES: readonly Case[] = [
  call(HOST_PROCEDURES.authList, undefined, [0]),
  call(HOST_PROCEDURES.supportsFeature, FEATURE.PROGRAM_KEEPALIVE, true),
  call(HOST_PROCEDURES.open, { uri: "qemu:///system", flags: 0 }, undefined),
  call(HOST_PROCEDURES.registerCloseCallback, undefined, undefined),
  call(HOST_PROCEDURES.registerEvent, { eventId: 0, uuid: null }, 0),
  call(HOST_PROCEDURES.getHostname, undefined, "vm"),
  call(HOST_PROCEDURES.getType, undefined, "QEMU"),
  call(HOST_PROCEDURES.getVersion, undefined, 7_002_022),
  call(HOST_PROCEDURES.listAllDomains, { flags: LIST_DOMAINS.ACTIVE | LIST_DOMAINS.INACTIVE }, [
    { ...web1, id: 1 },
  ]),
  call(HOST_PROCEDURES.getAllDomainStats, { stats: STATS.STATE, flags: 0x20000000, uuids: [uuid] }, [
    {
      domain: { ...web1, id: 1 },
      params: new Map([
        ["state.state", 1],
        ["state.reason", 5],
      ]),
    },
  ]),
  call(DOMAIN_PROCEDURES.defineXmlWithoutFlags, XML, { ...web1, id: -1 }),
  call(DOMAIN_PROCEDURES.lookupByName, "web1", { ...web1, id: -1 }),
  call(DOMAIN_PROCEDURES.lookupByUuid, uuid, { ...web1, id: 1 }),
  call(DOMAIN_PROCEDURES.setAutostart, { uuid, on: true }, undefined),
  call(DOMAIN_PROCEDURES.getAutostart, of, true),
  call(DOMAIN_PROCEDURES.getState, flagged, { state: 1, reason: 1 }),
  call(DOMAIN_PROCEDURES.getInfo, of, {
    state: 1,
    maxMemoryKib: 16_384,
    memoryKib: 16_384,
    vcpus: 1,
    cpuTimeNs: 270_000_000n,
  }),
  call(DOMAIN_PROCEDURES.getControlInfo, flagged, { state: 0, details: 0, stateTimeMs: 0 }),
  call(DOMAIN_PROCEDURES.isActive, of, false),
  call(DOMAIN_PROCEDURES.isPersistent, of, true),
  call(DOMAIN_PROCEDURES.hasManagedSave, flagged, false),
  call(DOMAIN_PROCEDURES.suspend, of, undefined),
  call(DOMAIN_PROCEDURES.resume, of, undefined),
  call(DOMAIN_PROCEDURES.reset, flagged, undefined),
  call(DOMAIN_PROCEDURES.reboot, flagged, undefined),
  call(DOMAIN_PROCEDURES.undefine, flagged, undefined),
  call(DOMAIN_PROCEDURES.getMetadata, { uuid, type: 1, namespace: null, flags: AFFECT.CURRENT }, "a title"),
  call(
    DOMAIN_PROCEDURES.pmWakeup,
    flagged,
    refusal(1, 10, expect.stringContaining("guest is not in suspended")),
  ),
  call(
    DOMAIN_PROCEDURES.attachDevice,
    { uuid, xml: DISK, flags: AFFECT.LIVE },
    refusal(38, 18, "Cannot access storage file '/nowhere.iso': No such file or directory"),
  ),
  call(
    DOMAIN_PROCEDURES.updateDevice,
    { uuid, xml: DISK, flags: AFFECT.CONFIG },
    refusal(8, 10, "invalid argument: target hdc doesn't exist."),
  ),
  call(DOMAIN_PROCEDURES.getDomainHostname, flagged, refusal(86, 10, NO_AGENT)),
  call(DOMAIN_PROCEDURES.interfaceAddresses, { uuid, source: 1 }, refusal(86, 10, NO_AGENT)),
  call(DOMAIN_PROCEDURES.getGuestInfo, { uuid, types: 0, flags: 0 }, refusal(86, 10, NO_AGENT)),
  call(QEMU_PROCEDURES.agentCommand, AGENT_COMMAND, refusal(86, 10, NO_AGENT)),
  call(
    QEMU_PROCEDURES.monitorCommand,
    { uuid, command: "info status", flags: MONITOR_COMMAND.HMP },
    "VM status: running\r\n",
  ),
  call(JOB_PROCEDURES.getJobStats, flagged, { type: 0, params: new Map() }),
  call(
    JOB_PROCEDURES.abortJob,
    of,
    refusal(55, 10, "Requested operation is not valid: no job is active on the domain"),
  ),
  call(JOB_PROCEDURES.migrateSetMaxDowntime, { uuid, limit: 300, flags: 0 }, undefined),
  call(JOB_PROCEDURES.migrateSetMaxSpeed, { uuid, limit: 100, flags: 0 }, undefined),
  call(
    JOB_PROCEDURES.migratePerform3Params,
    { uuid, ...DESTINATION },
    refusal(38, 7, "Failed to connect socket to '/nowhere': No such file or directory"),
  ),
  call(JOB_PROCEDURES.migrateStartPostCopy, flagged, refusal(55, 10, expect.stringContaining("post-copy"))),
];

describe("Procedures, beside what virsh and libvirtd said", () => {
  it.each(CASES)("sends the words of $name that virsh sent", ({ sent, recorded }) => {
    expect(sent).toBe(recorded.args.replaceAll(NAMED, "00000000$1ffffffff"));
  });

  it.each(CASES)("reads libvirtd's reply to $name", ({ decode, expected }) => {
    expect(decode()).toEqual(expected);
  });
});
