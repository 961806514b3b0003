import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AgentError } from "../../../src/agent-error.ts";
import { actionReplyOf, faultOf, faultText } from "../../../src/rhev/action-document.ts";
import { apiRootOf } from "../../../src/rhev/api-document.ts";
import { eventsOf } from "../../../src/rhev/event-document.ts";
import { hostOf, hostsOf, isSpm } from "../../../src/rhev/host-document.ts";
import {
  clusterOf,
  clustersOf,
  dataCenterOf,
  dataCentersOf,
  storageDomainsOf,
} from "../../../src/rhev/inventory-documents.ts";
import { vmOf, vmsOf } from "../../../src/rhev/vm-document.ts";
import { parseXml } from "../../../src/xml.ts";
import { complaintOf } from "../../support/complaint-of.ts";

const read = (text: string) => parseXml(text, "test");
const same = (text: string) => text;

const VM_3 = `<vm id="v1" href="/api/vms/v1"><actions><link rel="start" href="x"/></actions><name>web1</name><description></description>
  <status><state>paused</state><detail>EIO</detail></status><high_availability><enabled>true</enabled></high_availability>
  <host href="/api/hosts/h1" id="h1"/><cluster id="c1"/><start_time>2013-03-04T14:39:44.066-05:00</start_time>
  <placement_policy><host id="h2"/><affinity>user_migratable</affinity></placement_policy></vm>`;

const VM_4 = `<vm id="v1"><name>web1</name><comment></comment><high_availability><enabled>true</enabled></high_availability>
  <placement_policy><affinity>user_migratable</affinity><hosts><host id="h2"/><host id="h3"/></hosts></placement_policy>
  <cluster id="c1"/><start_time>2018-12-11T17:04:35.243+02:00</start_time><status>paused</status><status_detail>eio</status_detail>
  <host id="h1"/></vm>`;

describe("a VM document", () => {
  it("says the same in both versions", async () => {
    const three = vmOf(await read(VM_3), "test");
    const four = vmOf(await read(VM_4), "test");

    expect(three).toEqual({
      id: "v1",
      name: "web1",
      status: "paused",
      statusDetail: "EIO",
      hostId: "h1",
      clusterId: "c1",
      affinity: "user_migratable",
      placementHostIds: ["h2"],
      isHighlyAvailable: true,
      startTime: "2013-03-04T14:39:44.066-05:00",
    });
    expect(four).toEqual({
      ...three,
      statusDetail: "eio",
      placementHostIds: ["h2", "h3"],
      startTime: "2018-12-11T17:04:35.243+02:00",
    });
  });

  it.each([
    ["is missing", "<vm id='v1'><name>web1</name></vm>"],
    ["is empty", "<vm id='v1'><name>web1</name><status/></vm>"],
    ["holds an empty state", "<vm id='v1'><name>web1</name><status><state></state></status></vm>"],
  ])("has no status where the element %s", async (_what, text) => {
    expect(vmOf(await read(text), "test").status).toBeUndefined();
  });

  it("keeps a status that nobody knows as it came", async () => {
    const text = "<vm id='v1'><status>teleporting</status></vm>";

    expect(vmOf(await read(text), "test").status).toBe("teleporting");
  });

  it.each(["<vm><name>web1</name></vm>", "<vm id=''/>", "<vm id='../hosts/1'/>", "<vm id='a b'/>"])(
    "is refused without an id that can be asked for: %s",
    async (text) => {
      const root = await read(text);

      expect(() => vmOf(root, "test")).toThrow(new AgentError("PROTOCOL", "test: a <vm> has no usable id"));
    },
  );

  it("is not taken for a list, nor a list for another", async () => {
    const hosts = await read("<hosts/>");

    expect(() => vmsOf(hosts, "test")).toThrow("test: answered with <hosts>, not with <vms>");
    expect(vmsOf(await read("<vms/>"), "test")).toEqual([]);
  });
});

describe("a host document", () => {
  it.each([
    ["3.0", "<storage_manager>true</storage_manager><status><state>up</state></status>", "spm"],
    [
      "3.1",
      "<storage_manager priority='5'>false</storage_manager><status><state>up</state></status>",
      "none",
    ],
    [
      "3.6",
      "<storage_manager priority='5'>false</storage_manager><spm><priority>5</priority><status><state>contending</state></status></spm><status><state>up</state></status>",
      "contending",
    ],
    [
      "4.3",
      "<spm><priority>5</priority><status>spm</status></spm><external_status>ok</external_status><status>up</status>",
      "spm",
    ],
    ["a filtered answer", "<status>up</status>", undefined],
  ])("of %s tells its part in the storage, and its own status", async (_release, inner, spm) => {
    const host = hostOf(await read(`<host id="h1"><name>h</name>${inner}</host>`), "test");

    expect([host.spm, host.status, isSpm(host)]).toEqual([spm, "up", spm === "spm"]);
  });

  it("tells address, cluster, hardware and what is on it", async () => {
    const text = `<hosts><host id="h1"><name>h</name><address>192.0.2.1</address><hardware_information><uuid>4C4C-AA</uuid></hardware_information>
      <power_management><enabled>true</enabled></power_management><summary><total>7</total></summary><cluster id="c1"/><spm><priority>-1</priority></spm></host></hosts>`;

    expect(hostsOf(await read(text), "test")).toEqual([
      {
        id: "h1",
        name: "h",
        address: "192.0.2.1",
        status: undefined,
        clusterId: "c1",
        hardwareUuid: "4c4c-aa",
        spm: undefined,
        spmPriority: -1,
        hasPowerManagement: true,
        vmCount: 7,
      },
    ]);
  });
});

describe("documents of places", () => {
  it("tell a cluster's data centre", async () => {
    const text = `<clusters><cluster id="c1"><name>Default</name><data_center id="d1"/></cluster><cluster id="c2"><name>loose</name></cluster></clusters>`;

    expect(clustersOf(await read(text), "test")).toEqual([
      { id: "c1", name: "Default", dataCenterId: "d1" },
      { id: "c2", name: "loose", dataCenterId: undefined },
    ]);
    expect(clusterOf(await read("<cluster id='c1'/>"), "test").name).toBe("");
  });

  it.each([
    ["3", "<status><state>not_operational</state></status>", "not_operational"],
    ["4", "<status>problematic</status>", "problematic"],
  ])("tell a data centre's status in version %s", async (_version, inner, status) => {
    const text = `<data_center id="d1"><name>D</name>${inner}</data_center>`;

    expect(dataCenterOf(await read(text), "test")).toEqual({ id: "d1", name: "D", status });
    expect(dataCentersOf(await read(`<data_centers>${text}</data_centers>`), "test")).toHaveLength(1);
  });

  it("tell a storage domain's status and whether it is the master", async () => {
    const text = `<storage_domains><storage_domain id="s1"><name>S</name><status>active</status><master>true</master></storage_domain></storage_domains>`;

    expect(storageDomainsOf(await read(text), "test")).toEqual([
      { id: "s1", name: "S", status: "active", isMaster: true },
    ]);
  });
});

describe("a list of events", () => {
  it("tells what happened, to whom, and at whose request", async () => {
    const text = `<events><event id="35"><description>Migration completed</description><code>63</code><time>T</time>
      <correlation_id>vcs-1</correlation_id><vm id="v1"/><host id="h1"/></event><event id="34"/></events>`;

    expect(eventsOf(await read(text), "test")).toEqual([
      {
        id: 35,
        code: 63,
        time: "T",
        description: "Migration completed",
        correlationId: "vcs-1",
        vmId: "v1",
        hostId: "h1",
      },
      {
        id: 34,
        code: undefined,
        time: undefined,
        description: "",
        correlationId: undefined,
        vmId: undefined,
        hostId: undefined,
      },
    ]);
  });

  it("is refused with an id that is no number", async () => {
    const root = await read("<events><event id='abc'/></events>");

    expect(() => eventsOf(root, "test")).toThrow("an <event> has an id that is no number");
  });
});

describe("the answer to an action", () => {
  it.each([
    ["<action><status><state>complete</state></status></action>", "complete"],
    ["<action><job id='j'/><status>complete</status></action>", "complete"],
    ["<action id='1'><async>true</async><status>pending</status></action>", "pending"],
    ["<action><host id='h1'/></action>", undefined],
  ])("of %s has the status %s", async (text, status) => {
    expect(actionReplyOf(await read(text), "test").status).toBe(status);
  });

  it.each([
    [
      "<action><status><state>failed</state></status><fault><reason>Operation Failed</reason><detail>[Cannot run VM.\n VM is running.]</detail></fault></action>",
    ],
    ["<fault><detail>[Cannot run VM. VM is running.]</detail><reason>Operation Failed</reason></fault>"],
  ])("tells the fault in one line: %s", async (text) => {
    const fault = faultOf(await read(text));

    expect(fault === undefined ? "" : faultText(fault, same)).toBe(
      "Operation Failed: Cannot run VM. VM is running.",
    );
  });

  it("says that there are no words", () => {
    expect(faultText({ reason: undefined, detail: undefined }, same)).toBe("no reason given");
  });

  it("cuts a long fault, without control characters", () => {
    const text = faultText({ reason: undefined, detail: `\u0007${"x".repeat(10_000)}` }, same);

    expect([text.length, text.slice(0, 2), text.slice(-4)]).toEqual([500, "?x", "x..."]);
  });

  it("tells the power of a host after a fence that asks for it", async () => {
    const text =
      "<action><power_management><status><state>off</state></status></power_management><status><state>complete</state></status></action>";

    expect(actionReplyOf(await read(text), "test").power).toBe("off");
  });
});

describe("the root document", () => {
  it.each([
    [
      "<api><product_info><name>RHEV</name><version major='3' minor='1' build='0' revision='0'/></product_info></api>",
      { version: 3, product: "RHEV 3.1", release: { major: 3, minor: 1 } },
    ],
    [
      "<api><product_info><name>oVirt Engine</name><version><full_version>4.3.11</full_version><major>4</major><minor>3</minor></version></product_info></api>",
      { version: 4, product: "oVirt Engine 4.3.11", release: { major: 4, minor: 3 } },
    ],
    [
      "<api><link rel='vms' href='x'/></api>",
      { version: undefined, product: "unknown engine", release: undefined },
    ],
  ])("of %s tells its version", async (text, expected) => {
    expect(apiRootOf(await read(text), "test")).toEqual(expected);
  });
});

describe("documents of any content", () => {
  const readers = [
    vmsOf,
    hostsOf,
    clustersOf,
    dataCentersOf,
    storageDomainsOf,
    eventsOf,
    actionReplyOf,
    apiRootOf,
  ];
  const name = fc.constantFrom(
    "vms",
    "vm",
    "hosts",
    "host",
    "status",
    "state",
    "spm",
    "action",
    "events",
    "event",
    "api",
    "x",
  );
  const tree = fc.letrec<{ node: string; leaf: string }>((tie) => ({
    leaf: name.map((tag) => `<${tag}/>`),
    node: fc
      .tuple(
        name,
        fc.option(fc.constantFrom("v1", "1", "", "a/b")),
        fc.array(fc.oneof({ maxDepth: 4 }, tie("leaf"), tie("node")), { maxLength: 3 }),
        fc.constantFrom("", "up", "true", "7"),
      )
      .map(
        ([tag, id, inner, text]) =>
          `<${tag}${id === null ? "" : ` id="${id}"`}>${text}${inner.join("")}</${tag}>`,
      ),
  })).node;

  it("are read, or refused with words", async () => {
    await fc.assert(
      fc.asyncProperty(tree, fc.constantFrom(...readers), async (text, reader) => {
        const root = await read(text);
        expect(() => complaintOf(() => reader(root, "test"))).not.toThrow();
      }),
    );
  });
});
