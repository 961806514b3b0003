import { pause } from "../../../src/deadline.ts";
import { ERROR_CODE } from "../../../src/libvirt/errors.ts";
import type { FakeDomain } from "./fake-domain.ts";
import { invalid, libvirtError } from "./libvirt-error.ts";

const NEVER = new AbortController().signal;

/** libvirtd waits this long for another command to the same agent to end. Measured with libvirt 9.0. */
const BUSY_MS = 30_000;

/** libvirtd's answer to a command for a guest's agent. Numbers and words: measured with libvirt 9.0 and QEMU 7.2. */
export async function agentReply(domain: FakeDomain, command: string, timeoutS: number): Promise<string> {
  if (domain.code.state !== 1) throw invalid("agentCommand", "domain is not running");
  switch (domain.agent) {
    case "no channel":
      throw libvirtError(
        "agentCommand",
        ERROR_CODE.ARGUMENT_UNSUPPORTED,
        "argument unsupported: QEMU guest agent is not configured",
      );
    case "not connected":
      throw unresponsive("QEMU guest agent is not connected");
    case "silent":
      await pause(timeoutS * 1000, NEVER);
      throw unresponsive("Guest agent not available for now");
    case "busy":
      await pause(BUSY_MS, NEVER);
      throw libvirtError("agentCommand", ERROR_CODE.OPERATION_TIMEOUT, "cannot acquire state change lock");
    case "refuses":
      throw refusal(command);
    case "raves":
      return command.includes("guest-get-host-name") ? '{"return":{"host-name":[1]}}' : "{";
    case "frozen":
    case "answers":
      return JSON.stringify({ return: returnOf(domain, command) });
  }
}

function returnOf({ agent, hostName }: FakeDomain, command: string): unknown {
  if (command.includes("guest-ping")) return {};
  if (command.includes("guest-fsfreeze-status")) return agent === "frozen" ? "frozen" : "thawed";
  if (command.includes("guest-get-host-name") && hostName !== undefined && agent !== "frozen") {
    return { "host-name": hostName };
  }
  throw refusal(command);
}

function unresponsive(why: string) {
  return libvirtError("agentCommand", ERROR_CODE.AGENT_UNRESPONSIVE, `Guest agent is not responding: ${why}`);
}

function refusal(command: string) {
  return libvirtError(
    "agentCommand",
    ERROR_CODE.INTERNAL_ERROR,
    `internal error: unable to execute QEMU agent command: ${command} has been disabled`,
  );
}
