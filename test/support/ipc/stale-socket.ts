import { rename } from "node:fs/promises";
import { createServer } from "node:net";

/** Leaves what a killed process leaves: a socket that nobody serves. */
export async function leaveStaleSocket(path: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(`${path}.other`, resolve));
  await rename(`${path}.other`, path);
  await new Promise<void>((resolve) => server.close(() => resolve()));
}
