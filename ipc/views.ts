import type { JsonValue } from "./protocol.ts";

/** The metrics, in the text format of Prometheus. */
export interface MetricsText {
  /** for the header Content-Type */
  readonly type: string;
  readonly body: string;
}

/** What operators may read. Each call answers at once from memory. */
export interface Views {
  health(): JsonValue;
  guests(): JsonValue;
  /** One guest, or undefined when the daemon does not know this name. */
  guest(name: string): JsonValue | undefined;
  /** What happened to a guest and what happens next; undefined as above. */
  why(name: string): JsonValue | undefined;
  /** What happened to all guests, and to the daemon. */
  history(): JsonValue;
  /** A resource's attributes as the framework passes them, without its password; undefined when it is not open here. */
  attributes(resource: string): JsonValue | undefined;
  /** Collected when asked for; whoever asks meanwhile gets the same. */
  metrics(): Promise<MetricsText>;
  /** Calls the listener at each event, until the returned function is called. */
  subscribe(listener: (event: JsonValue) => void): () => void;
}
