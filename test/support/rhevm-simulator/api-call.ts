import { faultDocument } from "./action-document.ts";
import type { HttpReply, HttpRequest } from "./http-message.ts";
import type { Inventory } from "./inventory.ts";
import type { User } from "./logins.ts";
import type { Target } from "./target.ts";
import type { View } from "./view.ts";
import { renderDocument, type XmlNode } from "./xml-node.ts";

/** A request of the API by somebody who is logged in. */
export interface ApiCall {
  readonly site: Inventory;
  readonly request: HttpRequest;
  readonly target: Target;
  readonly view: View;
  readonly user: User;
  /** What the events of this request's actions are told by. */
  readonly correlationId: string | undefined;
}

/** An answer that holds a document. */
export function xmlReply({ view }: Pick<ApiCall, "view">, status: number, root: XmlNode): HttpReply {
  const type = view.release.major > 3 ? "application/xml;charset=UTF-8" : "application/xml";
  return { status, headers: { "Content-Type": type }, body: renderDocument(root) };
}

/** An answer that is a bare fault. */
export function faultReply(
  call: Pick<ApiCall, "view">,
  status: number,
  reason: string,
  detail: string,
): HttpReply {
  return xmlReply(call, status, faultDocument(call.view, reason, detail));
}
