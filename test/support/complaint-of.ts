import { AgentError } from "../../src/agent-error.ts";

/** The words of the AgentError that the work throws, empty when it throws none; any other error passes through. */
export function complaintOf(work: () => unknown): string {
  try {
    work();
    return "";
  } catch (error) {
    if (error instanceof AgentError) return error.message;
    throw error;
  }
}
