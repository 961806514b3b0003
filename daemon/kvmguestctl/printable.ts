/** Text from outside made fit for a terminal: what could move its cursor or colour it is shown as `?`. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, "?");
}
