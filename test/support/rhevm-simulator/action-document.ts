import { randomUUID } from "node:crypto";
import { status, type View } from "./view.ts";
import { childNode, group, leaf, node, type XmlNode } from "./xml-node.ts";

/** What became of an action. */
export type ActionEnd = "complete" | "failed" | "pending";

/**
 * The answer to an action: the request's own document with what became of it. Version 4 writes elements in the order of
 * the alphabet.
 */
export function actionDocument(
  view: View,
  request: XmlNode,
  end: ActionEnd,
  added: readonly XmlNode[],
): XmlNode {
  const asked = typeof request.content === "string" ? [] : request.content;
  const job = randomUUID();
  const jobs =
    view.release.hasJobs && end === "complete"
      ? [node("job", { href: `${view.root}/jobs/${job}`, id: job })]
      : [];
  const content = [...asked.filter(({ name }) => name !== "status"), ...jobs, ...status(view, end), ...added];
  const sorted = view.version === 3 ? content : content.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return group("action", sorted);
}

/** The answer to an action that goes on: asked for with `async`, or not done at once. */
export function pendingDocument(view: View, request: XmlNode, href: string): XmlNode {
  const id = randomUUID();
  const asked = childNode(request, "async") === undefined ? [leaf("async", true)] : [];
  const { content } = actionDocument(view, request, "pending", [
    ...asked,
    node("link", { href: href.slice(0, href.lastIndexOf("/")), rel: "parent" }),
    node("link", { href, rel: "replay" }),
  ]);
  return { name: "action", attributes: { id, href: `${href}/${id}` }, content };
}

/** Why something was refused. */
export function faultDocument(view: View, reason: string, detail: string): XmlNode {
  const parts = [leaf("reason", reason), leaf("detail", detail)];
  return group("fault", view.version === 3 ? parts : parts.toReversed());
}
