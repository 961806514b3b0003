import type { XmlElement } from "../xml.ts";

/** Questions whose last answer is kept: the lists of some 600 guests, hosts and events. */
const QUESTIONS_AT_MOST = 16;

/** A longer answer is not kept. */
const CHARACTERS_AT_MOST = 1_048_576;

interface Kept {
  readonly text: string;
  readonly document: XmlElement;
}

/** The last answers with their documents: an engine at rest gives the same text again and again, which is parsed once. */
export class DocumentMemory {
  readonly #kept = new Map<string, Kept>();

  /** The document of an answer; parsed only when the same question was answered otherwise before. */
  async documentOf(question: string, text: string, parse: () => Promise<XmlElement>): Promise<XmlElement> {
    const kept = this.#kept.get(question);
    if (kept?.text === text) return kept.document;
    const document = await parse();
    this.#kept.delete(question);
    if (text.length <= CHARACTERS_AT_MOST) this.#kept.set(question, { text, document });
    // a map keeps its order: the first is that which changed the longest time ago
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > QUESTIONS_AT_MOST && oldest !== undefined) this.#kept.delete(oldest);
    return document;
  }
}
