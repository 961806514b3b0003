import type { EntryPointRequest, JsonValue } from "./protocol.ts";

/** What operators may ask beside the views, on the agent's own socket. */
export interface Controls {
  logLevel(): string;
  /** @throws {IpcError} BAD_REQUEST for a word that is no level */
  setLogLevel(level: string): void;
  /** What this request would ask and do; does nothing of it. May throw, which costs this request only. */
  dryRun(request: EntryPointRequest): Promise<JsonValue>;
}
