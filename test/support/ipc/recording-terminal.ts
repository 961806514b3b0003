import { styleFor, type Terminal } from "../../../daemon/kvmguestctl/terminal.ts";

/** A terminal that remembers what was written, without colours. */
export class RecordingTerminal implements Terminal {
  readonly printed: string[] = [];
  readonly complaints: string[] = [];
  readonly isTerminal: boolean;
  readonly style = styleFor(false, {});

  constructor(isTerminal = false) {
    this.isTerminal = isTerminal;
  }

  get out(): string {
    return this.printed.join("\n");
  }

  print(text: string): void {
    this.printed.push(text);
  }

  complain(line: string): void {
    this.complaints.push(line);
  }
}
