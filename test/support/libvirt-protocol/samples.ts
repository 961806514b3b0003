import type { Procedure } from "../../../src/libvirt/procedure.ts";
import { DOMAIN_PROCEDURES, QEMU_PROCEDURES } from "../../../src/libvirt/procedures-domain.ts";
import { HOST_PROCEDURES } from "../../../src/libvirt/procedures-host.ts";
import { JOB_PROCEDURES } from "../../../src/libvirt/procedures-job.ts";
import { TracingReader, TracingWriter } from "./trace.ts";

/** A row of a table with the words its codecs write and read. */
export type TracedRow = {
  name: string;
  program: number;
  number: number;
  priority: string;
  args: string[];
  result: string[];
};

const uuid = "6695eb01-f6a4-8304-79aa-97f2502e193f";
const of = { uuid };
const flagged = { uuid, flags: 0 };
const text = { xml: "", flags: 0 };

/** Every procedure of the binding. A new row of a table needs a line here; the check says so. */
export function traceAll(): TracedRow[] {
  return [...traceHost(), ...traceDomain(), ...traceJobs()];
}

/** How many rows the tables have. */
export function rowCount(): number {
  const tables = [HOST_PROCEDURES, DOMAIN_PROCEDURES, JOB_PROCEDURES, QEMU_PROCEDURES];
  return tables.reduce((sum, table) => sum + Object.keys(table).length, 0);
}

function trace<Args, Result>(procedure: Procedure<Args, Result>, args: Args): TracedRow {
  const writer = new TracingWriter();
  const reader = new TracingReader();
  procedure.encode(writer, args);
  procedure.decode(reader);
  const { name, program, number, priority } = procedure;
  return { name, program, number, priority, args: writer.words, result: reader.words };
}

function traceHost(): TracedRow[] {
  const table = HOST_PROCEDURES;
  return [
    trace(table.open, { uri: "", flags: 0 }),
    trace(table.close, undefined),
    trace(table.getType, undefined),
    trace(table.getVersion, undefined),
    trace(table.getCapabilities, undefined),
    trace(table.getHostname, undefined),
    trace(table.supportsFeature, 0),
    trace(table.authList, undefined),
    trace(table.authPolkit, undefined),
    trace(table.getUri, undefined),
    trace(table.getLibVersion, undefined),
    trace(table.compareCpu, text),
    trace(table.listAllDomains, { flags: 0 }),
    trace(table.registerEvent, { eventId: 0, uuid }),
    trace(table.deregisterEvent, 0),
    trace(table.getAllDomainStats, { stats: 0, flags: 0, uuids: [uuid] }),
    trace(table.registerCloseCallback, undefined),
  ];
}

function traceDomain(): TracedRow[] {
  const table = DOMAIN_PROCEDURES;
  const onlyOf = [table.getAutostart, table.isActive, table.isPersistent, table.isUpdated].map((procedure) =>
    trace(procedure, of),
  );
  const withFlags = [
    table.reboot,
    table.removeManagedSave,
    table.undefine,
    table.destroy,
    table.reset,
    table.shutdown,
    table.pmWakeup,
  ].map((procedure) => trace(procedure, flagged));
  return [
    ...onlyOf,
    ...withFlags,
    trace(table.createXml, text),
    trace(table.defineXmlWithoutFlags, ""),
    trace(table.getXml, flagged),
    trace(table.getInfo, of),
    trace(table.lookupById, 1),
    trace(table.lookupByName, ""),
    trace(table.lookupByUuid, uuid),
    trace(table.resume, of),
    trace(table.setAutostart, { uuid, on: true }),
    trace(table.suspend, of),
    trace(table.attachDevice, { uuid, ...text }),
    trace(table.detachDevice, { uuid, ...text }),
    trace(table.updateDevice, { uuid, ...text }),
    trace(table.hasManagedSave, flagged),
    trace(table.create, flagged),
    trace(table.getState, flagged),
    trace(table.getControlInfo, flagged),
    trace(table.getBlockInfo, { ...flagged, disk: "" }),
    trace(table.getDiskErrors, of),
    trace(table.getMetadata, { uuid, type: 2, namespace: "", flags: 0 }),
    trace(table.getDomainHostname, flagged),
    trace(table.defineXml, text),
    trace(table.interfaceAddresses, { uuid, source: 0 }),
    trace(table.getGuestInfo, { uuid, types: 0, flags: 0 }),
    trace(QEMU_PROCEDURES.monitorCommand, { uuid, command: "", flags: 0 }),
    trace(QEMU_PROCEDURES.agentCommand, { uuid, command: "", timeoutS: 1, flags: 0 }),
  ];
}

function traceJobs(): TracedRow[] {
  const table = JOB_PROCEDURES;
  const params = [{ field: "bandwidth", type: "int", value: 1 }] as const;
  return [
    trace(table.getJobInfo, of),
    trace(table.abortJob, of),
    trace(table.migrateSetMaxDowntime, { uuid, limit: 1, flags: 0 }),
    trace(table.migrateSetMaxSpeed, { uuid, limit: 1, flags: 0 }),
    trace(table.getJobStats, flagged),
    trace(table.migratePerform3Params, { uuid, destinationUri: "", params, flags: 0 }),
    trace(table.migrateStartPostCopy, flagged),
  ];
}
