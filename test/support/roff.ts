/** Markdown with code and no other marks as lines of roff: code is bold, a sentence is a line. */
export function roffText(markdown: string): string {
  return markdown
    .replaceAll("\\", "\\e")
    .replaceAll(/`([^`]+)`/g, (_all, code: string) => `\\fB${code.replaceAll("-", "\\-")}\\fP`)
    .replaceAll(/([.:?]) (?=[A-Z])/g, "$1\n")
    .replaceAll(/^(?=[.'])/gm, "\\&");
}

/** First letter as a capital. */
export function capital(words: string): string {
  return `${words.slice(0, 1).toUpperCase()}${words.slice(1)}`;
}
