import { messageOf } from "../../src/agent-error.ts";
import { type Check, rowsOf } from "../../src/readiness.ts";
import { runHostCommand } from "../hares.ts";

/** systemd-timedated may have to be started first. */
const TIMEDATECTL_MS = 5000;

/** Does something keep the system's clock right? The kernel knows, whichever program it is. Source: timedatectl(1), show. */
export function clockCheck(timedatectl: string): Check {
  const row = rowsOf("clock", "this host");
  return {
    name: "clock",
    about: "this host",
    async look(signal) {
      const command = { command: timedatectl, timeoutMs: TIMEDATECTL_MS };
      let output: string;
      try {
        output = await runHostCommand(command, ["show", "--property=NTPSynchronized"], signal);
      } catch (error) {
        return [row.notChecked(messageOf(error))];
      }
      if (output.trim() === "NTPSynchronized=yes") return [row.ok("is synchronised")];
      if (output.trim() !== "NTPSynchronized=no")
        return [row.notChecked(`timedatectl's words are not understood: ${output.trim().slice(0, 80)}`)];
      return [
        row.warning(
          "is not synchronised: certificates may count as expired, and logs of two hosts cannot be laid side by side",
          "timedatectl; systemctl enable --now chronyd, or systemd-timesyncd",
        ),
      ];
    },
  };
}
