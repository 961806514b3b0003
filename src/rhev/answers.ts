import { AgentError, type ErrorCode } from "../agent-error.ts";
import { parseXml, type XmlElement } from "../xml.ts";
import { faultOf, faultText } from "./action-document.ts";
import { leanText } from "./lean-text.ts";
import { oneLine } from "./one-line.ts";
import { type HttpAnswer, outcomeUnknown } from "./transport.ts";

/** What was asked, as far as the meaning of its answer depends on it. */
export interface Asked {
  /** for messages: `GET https://rhevm.example.com/ovirt-engine/api/vms` */
  readonly what: string;
  readonly isWrite: boolean;
  /** The largest answer that is parsed. */
  readonly bytesAtMost: number;
  /** What the engine's 404 means; undefined where the path always exists, so that the API itself is missing. */
  readonly notFound: "GUEST_NOT_FOUND" | "REFUSED" | undefined;
  /** The engine says with an HTML page that it does not know something: those before 3.6. */
  readonly missesByPage: boolean;
  /** Takes secrets out of what the engine said. */
  readonly hide: (text: string) => string;
}

/** Elements and attributes of an answer as large as is read: a VM has some 200 in 8 KiB. */
const BYTES_OF_A_PART = 32;

/** What of a page's title is shown. */
const TITLE_CHARACTERS = 80;

/**
 * The document of an answer that grants what was asked.
 *
 * @throws {AgentError} NOT_ALLOWED, GUEST_NOT_FOUND, REFUSED, PLATFORM_DOWN or PROTOCOL, with the engine's own words;
 *   OUTCOME_UNKNOWN for a write whose answer does not tell whether it was carried out
 */
export async function documentOf(answer: HttpAnswer, asked: Asked): Promise<XmlElement> {
  if (answer.status < 200 || answer.status > 299) throw await errorOf(answer, asked);
  try {
    return await parseDocument(answer, asked);
  } catch (error) {
    if (asked.isWrite && error instanceof AgentError) throw outcomeUnknown(asked.what, error);
    throw error;
  }
}

/**
 * What an answer with an HTTP status of failure means.
 *
 * 5xx may come from the proxy before the engine or from an engine that broke in the middle, so a write may have been
 * carried out; all other statuses say that it was not.
 */
async function errorOf(answer: HttpAnswer, asked: Asked): Promise<AgentError> {
  const [code, words] = await reasonOf(answer, asked);
  const error = new AgentError(code, `${asked.what}: ${words}`);
  return asked.isWrite && answer.status >= 500 ? outcomeUnknown(asked.what, error) : error;
}

async function reasonOf(answer: HttpAnswer, asked: Asked): Promise<readonly [ErrorCode, string]> {
  const { status } = answer;
  const said = await saidIn(answer, asked);
  const words = `RHEV-M answered ${status}: ${said}`;
  if (status >= 500) return ["PLATFORM_DOWN", words];
  switch (status) {
    case 400:
    case 409:
      return ["REFUSED", words];
    case 401:
      return ["NOT_ALLOWED", `${words}: is RHEVMInfo's User or Password wrong?`];
    case 403:
      return ["NOT_ALLOWED", `${words}: RHEVMInfo's User needs an administrator's role`];
    case 404:
      return [notFoundCode(answer, asked), words];
    case 408:
    case 429:
      return ["PLATFORM_DOWN", words];
    default:
      return ["PROTOCOL", words];
  }
}

/** An engine since 3.6 answers with an empty body for what it does not know: a page means that no engine is there (yet). */
function notFoundCode({ text }: HttpAnswer, { notFound, missesByPage }: Asked): ErrorCode {
  const isAway = isHtml(text) && !missesByPage;
  return notFound === undefined || isAway ? "PLATFORM_DOWN" : notFound;
}

/** The engine's fault, a page's title, or that there is nothing. */
async function saidIn(answer: HttpAnswer, asked: Asked): Promise<string> {
  if (answer.text.trim() === "") return "an empty answer";
  if (isHtml(answer.text)) return `an HTML page${titleOf(answer, asked)}`;
  try {
    const fault = faultOf(await parseDocument(answer, asked));
    return fault === undefined ? "a document without a fault" : faultText(fault, asked.hide);
  } catch {
    return "text that is no XML"; // the status tells enough
  }
}

async function parseDocument(answer: HttpAnswer, asked: Asked): Promise<XmlElement> {
  const { text, contentType } = answer;
  if (text.trim() === "") throw new AgentError("PROTOCOL", `${asked.what}: answered with nothing`);
  if (isHtml(text) || contentType.startsWith("text/html"))
    throw new AgentError(
      "PROTOCOL",
      `${asked.what}: answered with an HTML page${titleOf(answer, asked)}: is something else at this URL?`,
    );
  const limits = { bytes: asked.bytesAtMost, parts: Math.ceil(asked.bytesAtMost / BYTES_OF_A_PART) };
  try {
    return await parseXml(leanText(text), asked.what, limits);
  } catch (error) {
    // the parser quotes what it read
    if (error instanceof AgentError) throw new AgentError(error.code, asked.hide(error.message));
    throw error;
  }
}

function isHtml(text: string): boolean {
  return /^\s*(<!--[^]*?-->\s*)?<(!doctype\s+html|html|head|body)\b/i.test(text.slice(0, 4096));
}

/** Secrets are taken out before the title is cut: half a secret would not be found any more. */
function titleOf({ text }: HttpAnswer, { hide }: Asked): string {
  const title = hide(/<title>([^<]*)/i.exec(text.slice(0, 4096))?.[1] ?? "");
  const line = oneLine(title, TITLE_CHARACTERS);
  return line === "" ? "" : ` ("${line}")`;
}
