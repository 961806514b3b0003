import type { GuestAnswer } from "../../ipc/answers.ts";
import { printable } from "./printable.ts";
import type { Paint, Style } from "./terminal.ts";

/** A state in its colour: well, doubtful, and what an operator should look at. */
export function painted(style: Style, state: string, confidence: number | null): string {
  return painter(style, state, confidence)(state);
}

/** How a state is coloured. OFFLINE is the normal state of a standby host. */
export function painter(style: Style, state: string, confidence: number | null): Paint {
  if (state === "UNKNOWN") return style.bad;
  if (confidence === null) return style.faint;
  return confidence === 100 ? style.good : style.odd;
}

/** What is known newest: by a monitor, or by the daemon's own looks between two of them. */
export function newest({ answer, reading }: GuestAnswer): {
  readonly ageS: number | null;
  readonly source: "platform" | "emulator" | null;
} {
  if (reading === null || (answer?.ageS ?? Number.POSITIVE_INFINITY) < reading.ageS)
    return { ageS: answer?.ageS ?? null, source: answer?.source ?? null };
  return reading;
}

/** Who said so, in the operator's words. */
export function sourceText(
  environment: GuestAnswer["environment"],
  source: "platform" | "emulator" | null,
): string {
  if (source === null) return "-";
  if (source === "emulator") return "emulator";
  return environment === "rhev" ? "RHEV-M" : "libvirt";
}

/** Why the guest is answered so; where that is not known, why it was read so. */
export function reasonText({ answer, reading, watched, operation }: GuestAnswer): string {
  const reason = answer?.reason ?? reading?.reason ?? "nothing was read yet";
  const notes = [
    ...(watched ? [] : ["not watched, its agent has ended"]),
    ...(operation === null ? [] : [`${operation} is at work`]),
  ];
  return printable([...notes, reason].join("; "));
}
