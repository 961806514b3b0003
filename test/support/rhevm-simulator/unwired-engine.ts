import { parseXml, type XmlElement } from "../../../src/xml.ts";
import { serve } from "./engine.ts";
import { Logins, type User } from "./logins.ts";
import { administrator, makeWorld, type SiteOptions } from "./site.ts";
import type { World } from "./world.ts";

/** What is asked of an engine without a wire. */
interface Question {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What it says; the document is there when the answer is XML. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  readonly document: XmlElement | undefined;
}

/** A simulated engine that is asked by calls, to test what it says. */
export interface UnwiredEngine {
  readonly world: World;
  readonly users: User[];
  readonly logins: Logins;
  /** Asks as the administrator, unless the headers say otherwise. The path begins with the API's root. */
  readonly ask: (path: string, question?: Question) => Promise<Answer>;
  /** Posts an action with a document. */
  readonly act: (path: string, body?: string, headers?: Readonly<Record<string, string>>) => Promise<Answer>;
}

/** The administrator's credentials as a header. */
export const BASIC = `Basic ${Buffer.from("admin@internal:secret").toString("base64")}`;

const XML_TYPE = { "content-type": "application/xml" };

/** Makes an engine that nobody can connect to. */
export function makeUnwiredEngine(options: SiteOptions = {}): UnwiredEngine {
  const world = makeWorld(options);
  const users = [administrator(options)];
  const logins = new Logins(world, users);
  const ask = async (path: string, { method = "GET", headers = {}, body = "" }: Question = {}) => {
    const request = { method, url: path, headers: { authorization: BASIC, ...headers }, body };
    const reply = await serve(request, { site: world, logins, caPem: "no certificate" });
    const text = reply.body.toString();
    const isXml = (reply.headers["Content-Type"] ?? "").startsWith("application/xml");
    return {
      status: reply.status,
      headers: reply.headers,
      text,
      document: isXml ? await parseXml(text, path) : undefined,
    };
  };
  const act = (path: string, body = "<action/>", headers: Readonly<Record<string, string>> = {}) =>
    ask(path, { method: "POST", headers: { ...XML_TYPE, ...headers }, body });
  return { world, users, logins, ask, act };
}
