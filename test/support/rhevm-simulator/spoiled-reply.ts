import { gzipSync } from "node:zlib";
import type { Fault } from "./faults.ts";
import { type HttpReply, htmlReply, unavailableReply } from "./http-message.ts";

const HEADING = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n';
const SHARE_LEFT = 0.7;
const HUGE_BYTES = 32 << 20;

/** Answers that are given in the engine's place, without its having seen the request. */
const INSTEAD: Partial<Record<Fault, () => HttpReply>> = {
  unavailable: unavailableReply,
  "internal-error": () => ({
    status: 500,
    headers: { "Content-Type": "application/xml" },
    body: `${HEADING}<fault><reason>Operation Failed</reason><detail>[Internal Engine Error]</detail></fault>\n`,
  }),
  unauthorized: () => htmlReply(401, "Unauthorized", { "WWW-Authenticate": 'Basic realm="RESTAPI"' }),
  redirect: () => htmlReply(302, "Found", { Location: "https://elsewhere.example.com/ovirt-engine/api" }),
};

const SPOILED: Partial<Record<Fault, (reply: HttpReply) => HttpReply>> = {
  "malformed-xml": (reply) => ({
    ...reply,
    body: reply.body.slice(0, Math.ceil(reply.body.length * SHARE_LEFT)),
  }),
  "other-document": (reply) => ({ ...reply, body: `${HEADING}<something><else/></something>\n` }),
  html: ({ status }) => ({ ...htmlReply(200, "Please log in"), status }),
  empty: (reply) => ({ ...reply, body: "" }),
  doctype: (reply) => ({
    ...reply,
    body: `${HEADING}<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>\n<vms>&b;</vms>\n`,
  }),
  huge: (reply) => ({ ...reply, body: `${HEADING}<vms>${" ".repeat(HUGE_BYTES)}</vms>\n` }),
  "broken-gzip": (reply) => ({ ...reply, headers: { ...reply.headers, "Content-Encoding": "gzip" } }),
  "huge-gzip": (reply) => ({
    ...reply,
    headers: { ...reply.headers, "Content-Encoding": "gzip" },
    body: gzipSync(`${HEADING}<vms>${" ".repeat(HUGE_BYTES)}</vms>\n`),
  }),
};

/** An answer in the engine's place; undefined when the fault is another. */
export function replyInstead(fault: Fault): HttpReply | undefined {
  return INSTEAD[fault]?.();
}

/** The engine's answer, spoiled; as it is for a fault of the connection. */
export function spoiled(reply: HttpReply, fault: Fault | undefined): HttpReply {
  return fault === undefined ? reply : (SPOILED[fault]?.(reply) ?? reply);
}
