/**
 * Every exit code that may reach the agent framework.
 *
 * Source: Agent Developer's Guide 7.3, return values of entry points.
 */
export const LEGAL_EXIT_CODES = [
  { kind: "monitor", codes: [99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 200] },
  { kind: "clean", codes: [0, 1] },
  { kind: "action", codes: [0, 1] },
  { kind: "online", codes: upTo(255) },
  { kind: "offline", codes: upTo(255) },
  { kind: "migrate", codes: upTo(100) },
  { kind: "open", codes: [0] },
  { kind: "close", codes: [0] },
  { kind: "attr_changed", codes: [0] },
  { kind: "shutdown", codes: [0] },
] as const;

function upTo(last: number): number[] {
  return Array.from({ length: last + 1 }, (_, code) => code);
}
