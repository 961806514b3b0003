/** Foreign text for a message: in one line, without control characters, cut at a length. */
export function oneLine(text: string, charactersAtMost: number): string {
  const line = text
    .replaceAll(/\s+/g, " ")
    .replaceAll(/[\p{Cc}\p{Cf}]/gu, "?")
    .trim();
  return line.length > charactersAtMost ? `${line.slice(0, charactersAtMost - 3)}...` : line;
}
