import { childOf, type XmlElement } from "../xml.ts";
import { expectName, textAt, wordAt } from "./elements.ts";
import { oneLine } from "./one-line.ts";

/** What the engine says of a request that it did not grant. */
export interface Fault {
  readonly reason: string | undefined;
  readonly detail: string | undefined;
}

/** The answer to an action. The engine sends the request's own document back, with these added. */
export interface ActionReply {
  /** As it came: `complete` (accepted and begun, not: over), `pending`, `in_progress`, `failed`. */
  readonly status: string | undefined;
  readonly fault: Fault | undefined;
  /** After a fence of type `status`: `on`, `off`, `unknown`. */
  readonly power: string | undefined;
}

/** What of a fault is shown: details of database errors are long. */
const FAULT_CHARACTERS = 500;

/** Reads the answer to an action. */
export function actionReplyOf(root: XmlElement, source: string): ActionReply {
  expectName(root, "action", source);
  return {
    status: wordAt(root, "status"),
    fault: faultOf(root),
    power: wordAt(root, "power_management", "status"),
  };
}

/** The fault in a document: its root, or a part of an action's answer. */
export function faultOf(root: XmlElement): Fault | undefined {
  const fault = root.name === "fault" ? root : childOf(root, "fault");
  if (fault === undefined) return undefined;
  return { reason: textAt(fault, "reason"), detail: textAt(fault, "detail") };
}

/**
 * A fault in one line; details of refusals come as a list in brackets, over several lines.
 *
 * @param hide takes secrets out, before the line is cut
 */
export function faultText({ reason, detail }: Fault, hide: (text: string) => string): string {
  const words = [reason, detail?.replace(/^\[([^]*)\]$/, "$1")].filter((text) => text !== undefined);
  const line = hide(words.join(": ")).replaceAll(/\s+/g, " ").trim();
  return line === "" ? "no reason given" : oneLine(line, FAULT_CHARACTERS);
}
