import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { makeAuthority } from "./lab/certificates.ts";

/** A TLS server for the running test that answers as the test says: for what no engine does. */
export async function oddEngine(
  answer: (request: IncomingMessage, body: string, response: ServerResponse) => void,
): Promise<{ readonly url: string; readonly caFile: string }> {
  const folder = await mkdtemp(join(tmpdir(), "odd-engine-"));
  const authority = await makeAuthority(join(folder, "ca"), "odd engine's authority");
  const { cert, key } = await authority.issue({ commonName: "localhost", names: "DNS:localhost" });
  const server = createServer(
    { cert: await readFile(cert), key: await readFile(key) },
    (request, response) => {
      let body = "";
      request.setEncoding("utf8").on("data", (part: string) => {
        body += part;
      });
      request.on("end", () => answer(request, body, response));
    },
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true });
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { url: `https://localhost:${address.port}`, caFile: authority.cert };
}

/** The root document of an engine of version 4. */
export const ROOT_DOCUMENT =
  "<api><product_info><name>odd</name><version><major>4</major><minor>5</minor></version></product_info></api>";
