import { actionDocument, faultDocument, pendingDocument } from "./action-document.ts";
import { type ApiCall, faultReply, xmlReply } from "./api-call.ts";
import { HOST_ACTIONS } from "./host-actions.ts";
import { hostDocument, hostVerbs } from "./host-document.ts";
import { type HttpReply, headerOf, htmlReply, textReply } from "./http-message.ts";
import { listReply } from "./lists.ts";
import type { Named, Vm } from "./model.ts";
import {
  clusterDocument,
  dataCenterDocument,
  eventDocument,
  storageDomainDocument,
} from "./place-documents.ts";
import { Refusal } from "./refusal.ts";
import { readDocument } from "./request-document.ts";
import { rootDocument } from "./root-document.ts";
import { COLLECTIONS, type CollectionName } from "./view.ts";
import { VM_ACTIONS } from "./vm-actions.ts";
import { vmDocument, vmVerbs } from "./vm-document.ts";
import { updateVm } from "./vm-update.ts";
import { childText, group, type XmlNode } from "./xml-node.ts";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Serves a request of the API: its root, a collection, a thing, a thing's parts, or an action. */
export async function serveApi(call: ApiCall): Promise<HttpReply> {
  const { view, site, request, target } = call;
  const [collection, id, third, ...more] = target.segments;
  if (collection === undefined) return onlyGet(call, () => xmlReply(call, 200, rootDocument(view, site)));
  if (!isCollection(collection) || more.length > 0) return htmlReply(404, "Not Found");
  if (id === undefined) return onlyGet(call, () => listReply(call, collection));
  if (collection !== "events" && !UUID.test(id)) return malformedId(call);
  const document = documentOf(call, collection, id);
  if (document === undefined) return missing(call);
  if (third === undefined) {
    if (request.method === "PUT" && collection === "vms") return update(call, site.vm(id));
    return onlyGet(call, () => xmlReply(call, 200, document));
  }
  if (request.method === "GET") return partReply(call, collection, id, third);
  return request.method === "POST" ? act(call, collection, id, third) : htmlReply(405, "Method Not Allowed");
}

function onlyGet({ request }: ApiCall, serve: () => HttpReply): HttpReply {
  return request.method === "GET" ? serve() : htmlReply(405, "Method Not Allowed");
}

function isCollection(word: string): word is CollectionName {
  return Object.hasOwn(COLLECTIONS, word);
}

function missing({ view }: ApiCall): HttpReply {
  return view.release.missingBody === "empty"
    ? { status: 404, headers: {}, body: "" }
    : htmlReply(404, "HTTP Status 404");
}

function malformedId(call: ApiCall): HttpReply {
  switch (call.view.release.malformedId) {
    case "404 html":
      return htmlReply(404, "HTTP Status 404");
    case "400 text":
      return textReply(400, "Invalid UUID string");
    case "400 fault":
      return faultReply(call, 400, "Operation failed", "Invalid UUID string");
  }
}

function documentOf(
  { site, view, user }: ApiCall,
  collection: CollectionName,
  id: string,
): XmlNode | undefined {
  const write = <T extends Named>(things: readonly T[], writer: (thing: T) => XmlNode) => {
    const thing = things.find((candidate) => candidate.id === id);
    return thing === undefined ? undefined : writer(thing);
  };
  switch (collection) {
    case "vms": {
      const isHidden = ({ name }: Vm) =>
        view.isFiltered && user.ownVms !== "all" && !user.ownVms.includes(name);
      return write(
        site.vms.filter((vm) => !isHidden(vm)),
        (vm) => vmDocument({ ...view, hasAllContent: true }, vm),
      );
    }
    case "hosts":
      return write(view.isFiltered ? [] : site.hosts, (host) => hostDocument(view, site, host));
    case "clusters":
      return write(site.clusters, (cluster) => clusterDocument(view, cluster));
    case "datacenters":
      return write(site.dataCenters, (dataCenter) => dataCenterDocument(view, dataCenter));
    case "storagedomains":
      return write(site.storageDomains, (domain) => storageDomainDocument(view, domain));
    case "events": {
      const event = site.events.all.find((candidate) => String(candidate.id) === id);
      return event === undefined ? undefined : eventDocument(view, event);
    }
  }
}

/** What belongs to a data centre; a VM's disks and the like are not simulated. */
function partReply(call: ApiCall, collection: CollectionName, id: string, part: string): HttpReply {
  const { site, view } = call;
  if (collection !== "datacenters") return htmlReply(404, "Not Found");
  const dataCenter = site.dataCenter(id);
  const isIn = (thing: { readonly dataCenterId: string }) => thing.dataCenterId === id;
  switch (part) {
    case "storagedomains": {
      const domains = site.storageDomains.filter(isIn);
      return xmlReply(
        call,
        200,
        group(
          "storage_domains",
          domains.map((domain) => storageDomainDocument(view, domain, dataCenter)),
        ),
      );
    }
    case "clusters": {
      const clusters = site.clusters.filter(isIn);
      return xmlReply(
        call,
        200,
        group(
          "clusters",
          clusters.map((cluster) => clusterDocument(view, cluster)),
        ),
      );
    }
    default:
      return htmlReply(404, "Not Found");
  }
}

/** The document of a PUT or POST; else the answer that says what is wrong with it. */
async function sentDocument(call: ApiCall, name: "vm" | "action"): Promise<XmlNode | HttpReply> {
  if (!(headerOf(call.request, "content-type") ?? "").includes("xml")) {
    return htmlReply(415, "Unsupported Media Type");
  }
  const document = await readDocument(call.request.body);
  if (document?.name === name) return document;
  return faultReply(call, 400, "Request syntactically incorrect.", "The document cannot be read.");
}

async function update(call: ApiCall, vm: Vm): Promise<HttpReply> {
  const document = await sentDocument(call, "vm");
  if (!("name" in document)) return document;
  try {
    checkMayAct(call);
    call.site.events.during(call.correlationId, () => updateVm(call.site, vm, document, call.view.version));
  } catch (error) {
    if (error instanceof Refusal) {
      return faultReply(call, error.statusIn(call.view.release), error.reason, error.message);
    }
    throw error;
  }
  return xmlReply(call, 200, vmDocument({ ...call.view, hasAllContent: true }, vm));
}

async function act(call: ApiCall, collection: CollectionName, id: string, verb: string): Promise<HttpReply> {
  const { view, site, user, target } = call;
  const verbs = collection === "vms" ? vmVerbs(view) : collection === "hosts" ? hostVerbs(view) : [];
  const action = await sentDocument(call, "action");
  if (!("name" in action)) return action;
  const order = { action, by: user.name, version: view.version };
  const onVm = verbs.includes(verb) && collection === "vms" ? VM_ACTIONS[verb] : undefined;
  const onHost = verbs.includes(verb) && collection === "hosts" ? HOST_ACTIONS[verb] : undefined;
  if (onVm === undefined && onHost === undefined) return htmlReply(404, "Not Found");
  try {
    checkMayAct(call);
    const outcome = site.events.during(call.correlationId, () => {
      onVm?.(site, site.vm(id), order);
      return onHost?.(site, site.host(id), order);
    });
    if (outcome?.failure !== undefined) return failed(call, action, 200, "Operation Failed", outcome.failure);
    const isPending = verb === "start" && site.vm(id).isStateless && childText(action, "async") !== "false";
    const href = `${view.root}/${target.segments.join("/")}`;
    return isPending
      ? xmlReply(call, 202, pendingDocument(view, action, href))
      : xmlReply(call, 200, actionDocument(view, action, "complete", outcome?.added ?? []));
  } catch (error) {
    if (error instanceof Refusal) return refused(call, action, error);
    throw error;
  }
}

function refused(call: ApiCall, action: XmlNode, refusal: Refusal): HttpReply {
  const status = refusal.statusIn(call.view.release);
  if (refusal.isBare) return faultReply(call, status, refusal.reason, refusal.message);
  return failed(call, action, status, refusal.reason, refusal.message);
}

function failed(call: ApiCall, action: XmlNode, status: number, reason: string, detail: string): HttpReply {
  const fault = faultDocument(call.view, reason, detail);
  return xmlReply(call, status, actionDocument(call.view, action, "failed", [fault]));
}

function checkMayAct({ user }: ApiCall): void {
  if (!user.mayAct) throw new Refusal("no permission", "User is not authorized to perform this action.");
}
