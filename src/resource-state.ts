/** How sure the agent is that an ONLINE guest is well, in percent. */
export type Confidence = 10 | 20 | 30 | 40 | 50 | 60 | 70 | 80 | 90 | 100;

/** What `monitor` can say of a resource. FAULTED is the engine's verdict, never ours. */
export type ResourceState =
  | { readonly kind: "ONLINE"; readonly confidence: Confidence }
  | { readonly kind: "OFFLINE" }
  | { readonly kind: "INTENTIONAL OFFLINE" }
  | { readonly kind: "UNKNOWN" };

export const OFFLINE: ResourceState = { kind: "OFFLINE" };
export const INTENTIONAL_OFFLINE: ResourceState = { kind: "INTENTIONAL OFFLINE" };
export const UNKNOWN: ResourceState = { kind: "UNKNOWN" };

/** ONLINE with a confidence. */
export function online(confidence: Confidence): ResourceState {
  return { kind: "ONLINE", confidence };
}

/** The same state with no more confidence than that: a doubt never makes anything surer. */
export function atMost(confidence: Confidence, state: ResourceState): ResourceState {
  return state.kind === "ONLINE" && state.confidence > confidence ? online(confidence) : state;
}

/**
 * The exit code that tells the agent framework this state.
 *
 * Source: Agent Developer's Guide 7.3, return values of entry points: 99 unknown, 100 offline,
 * 101 to 110 online with confidence 10 to 100, 200 intentional offline.
 */
export function monitorExitCode(state: ResourceState): number {
  switch (state.kind) {
    case "ONLINE":
      return 100 + state.confidence / 10;
    case "OFFLINE":
      return 100;
    case "INTENTIONAL OFFLINE":
      return 200;
    case "UNKNOWN":
      return 99;
  }
}

/** True when both say the same to the engine. */
export function sameState(one: ResourceState, other: ResourceState): boolean {
  return monitorExitCode(one) === monitorExitCode(other);
}

/** The state in the words of the logs: `ONLINE(40)`, `OFFLINE`. */
export function stateText(state: ResourceState): string {
  return state.kind === "ONLINE" ? `ONLINE(${state.confidence})` : state.kind;
}
