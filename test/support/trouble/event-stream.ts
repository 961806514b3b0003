import { request } from "node:http";

/** What the daemon's event stream has said so far, one parsed line each. */
export interface HeardEvents {
  readonly lines: readonly Readonly<Record<string, unknown>>[];
  close(): void;
}

/** Listens at GET /v1/events; resolves when the stream has begun. */
export function hearEvents(socketPath: string): Promise<HeardEvents> {
  const lines: Readonly<Record<string, unknown>>[] = [];
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, path: "/v1/events", agent: false }, (response) => {
      let rest = "";
      response.setEncoding("utf8");
      response.on("error", () => {}); // close() breaks it off
      response.on("data", (text: string) => {
        const parts = (rest + text).split("\n");
        rest = parts.pop() ?? "";
        for (const part of parts) {
          const parsed: unknown = JSON.parse(part);
          if (isRecord(parsed)) lines.push(parsed);
        }
      });
      resolve({ lines, close: () => sent.destroy() });
    });
    sent.on("error", reject);
    sent.end();
  });
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
