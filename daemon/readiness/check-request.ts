import { z } from "zod";
import { CHECK_NAMES, type CheckRow } from "../../src/readiness.ts";

const request = z.strictObject({
  configFile: z.string().optional(),
  socket: z.string().optional(),
  resources: z.array(z.string()),
  peer: z.string().optional(),
});

/**
 * What is to be checked: the configuration's file and the daemon's socket, where they are not those of the system; names of
 * resources, none for all; the one peer that is looked at, or all.
 */
export type CheckRequest = z.infer<typeof request>;

/** @throws {Error} it is no request */
export function parseRequest(text: string): CheckRequest {
  return request.parse(JSON.parse(text));
}

const answer = z.union([
  z.object({
    rows: z.array(
      z.object({
        check: z.enum(CHECK_NAMES),
        about: z.string(),
        verdict: z.enum(["ok", "warning", "problem", "not checked"]),
        text: z.string(),
        remedy: z.string().optional(),
      }),
    ),
  }),
  z.object({ defect: z.string() }),
]);

/** Reads what the process of the checks sends. @throws {Error} it is something else, or the checks have failed */
export function parseAnswer(message: unknown): readonly CheckRow[] {
  const parsed = answer.parse(message);
  if ("defect" in parsed) throw new Error(`the checks have failed: ${parsed.defect}`);
  return parsed.rows;
}
