import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { IpcLog } from "./ipc-log.ts";
import { refuse, sendMetrics } from "./respond.ts";
import type { MetricsText } from "./views.ts";

/** Who reads metrics is one or two servers: more connections are not taken. */
const CONNECTIONS = 8;

/** A request that is not whole by then, and a connection on which nothing moves for so long, is ended. */
const REQUEST_MS = 5000;
const IDLE_MS = 10_000;

/** Somebody else's port may become free. */
const RETRY_MS = 30_000;

export interface MetricsPortOptions {
  /** An address of the loopback. */
  readonly address: { readonly host: string; readonly port: number };
  readonly metrics: () => Promise<MetricsText>;
  readonly log: IpcLog;
}

/**
 * Serves metrics, and nothing else, on a TCP port until the signal aborts. Never rejects: a port that cannot be had is said
 * once and tried again, for no guest depends on it.
 */
export async function serveMetrics(options: MetricsPortOptions, signal: AbortSignal): Promise<void> {
  const { address, log } = options;
  let isFailing = false;
  while (!signal.aborted) {
    const server = metricsServer(options);
    try {
      await listen(server, options.address);
      log.info(address, isFailing ? "metrics are served again" : "metrics are served");
      isFailing = false;
      await closed(server, signal);
    } catch (error) {
      if (!isFailing) log.error({ ...address, err: error }, "metrics cannot be served on their port");
      isFailing = true;
      await rest(RETRY_MS, signal);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  }
}

function metricsServer({ metrics, log }: MetricsPortOptions): Server {
  const server = createServer(
    { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS, connectionsCheckingInterval: 1000 },
    (request, response) => answer(request, response, metrics, log),
  );
  server.maxConnections = CONNECTIONS;
  server.setTimeout(IDLE_MS);
  return server;
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  metrics: () => Promise<MetricsText>,
  log: IpcLog,
): void {
  const path = (request.url ?? "").split("?", 1)[0];
  if (path !== "/metrics") refuse(response, 404, "only /metrics is served on this port");
  else if (request.method !== "GET") refuse(response, 405, "metrics are read with GET", "GET");
  else void sendMetrics(response, metrics, log);
}

async function listen(server: Server, { host, port }: MetricsPortOptions["address"]): Promise<void> {
  server.listen({ host, port });
  await once(server, "listening");
}

/** Resolves when the signal aborts, and rejects when the server fails. */
function closed(server: Server, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => resolve();
    // it stays: a second error must not end the process
    server.on("error", (error) => {
      signal.removeEventListener("abort", end);
      reject(error);
    });
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
  });
}

function rest(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
  });
}
