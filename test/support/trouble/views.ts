import { ask } from "../ipc/http-client.ts";

/** The daemon's view of all its resources, by name of the resource. */
export async function resourcesOf(
  socket: string,
): Promise<ReadonlyMap<string, Readonly<Record<string, unknown>>>> {
  const { body } = await ask(socket, "GET", "/v1/guests");
  const parsed: unknown = JSON.parse(body);
  const all = Array.isArray(parsed) ? parsed.filter(isRecord) : [];
  return new Map(all.map((resource) => [String(resource["resource"]), resource]));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
