import { AgentError } from "../agent-error.ts";
import type { XmlElement } from "../xml.ts";
import { idAt, membersOf, ownId, textAt } from "./elements.ts";

/** One line of RHEV-M's audit log. */
export interface RhevEvent {
  /** Grows with each event, with gaps. */
  readonly id: number;
  /** What happened. Source: ovirt-engine, AuditLogType; the same from 3.3 to 4.5. */
  readonly code: number | undefined;
  readonly time: string | undefined;
  readonly description: string;
  /** What the request that caused it was marked with. */
  readonly correlationId: string | undefined;
  readonly vmId: string | undefined;
  readonly hostId: string | undefined;
}

/**
 * Reads a list of events, newest first as the engine sends them.
 *
 * @throws {AgentError} PROTOCOL when it is no such list, or an id is no number
 */
export function eventsOf(root: XmlElement, source: string): readonly RhevEvent[] {
  return membersOf(root, "events", "event", source).map((element) => ({
    id: eventId(ownId(element, source), source),
    code: numberOf(textAt(element, "code")),
    time: textAt(element, "time"),
    description: textAt(element, "description") ?? "",
    correlationId: textAt(element, "correlation_id"),
    vmId: idAt(element, "vm"),
    hostId: idAt(element, "host"),
  }));
}

function eventId(text: string, source: string): number {
  const id = Number(text);
  if (Number.isSafeInteger(id) && id >= 0) return id;
  throw new AgentError("PROTOCOL", `${source}: an <event> has an id that is no number`);
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
