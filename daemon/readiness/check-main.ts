import { messageOf } from "../../src/agent-error.ts";
import { createLogger } from "../logger.ts";
import { checkHost } from "./check-host.ts";
import { parseRequest } from "./check-request.ts";

/*
 * The process in which checks look: see checkApart. The first argument is the request, the only message to the parent are
 * the rows. It goes with its parent, whatever hangs in it.
 */

process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));

const request = parseRequest(process.argv[2] ?? "");
try {
  const rows = await checkHost({ ...request, log: createLogger("silent") }, new AbortController().signal);
  process.send?.({ rows });
} catch (error) {
  process.send?.({ defect: messageOf(error) });
}
