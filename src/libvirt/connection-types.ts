import type { DomainEvents } from "./event-types.ts";

/** Why a connection ended; `kind` is stable, `message` is for people. */
export type CloseReason = {
  kind:
    | "closed by us"
    | "end of file"
    | "socket error"
    | "keepalive timeout"
    | "protocol error"
    | "server closed";
  message: string;
};

/** What a connection emits: `close` once, with its reason, and the domain events that were registered. */
export type ConnectionEvents = { close: [reason: CloseReason] } & {
  [Name in keyof DomainEvents]: [event: DomainEvents[Name]];
};

/** How often to ask a silent peer whether it lives, and how many unanswered asks end the connection. */
export type Keepalive = { intervalMs: number; count: number };

/** Settings of one connection. */
export type ConnectionOptions = {
  /** Milliseconds for each call that does not say otherwise; default 30,000. */
  callTimeoutMs?: number;
  /** Default: after 5 s of silence, three times; a dead peer is noticed after 20 s. */
  keepalive?: Keepalive;
  /** Calls without a reply, the given-up ones too, above which new ones are refused; default 1,000. */
  maxInFlight?: number;
  /** Is told when a listener of `events` throws; the connection goes on. Default: nothing happens. */
  onListenerError?: (error: unknown, event: keyof ConnectionEvents) => void;
};
