import type { EngineLog, EngineLogDetails } from "./engine-log.ts";
import type { EntryPoint, ResourceSettings } from "./resource-settings.ts";
import type { ScriptEnd, ScriptRunner } from "./script-runner.ts";

/** Runs one entry point of a resource with its timeout, and logs its beginning and its end. */
export async function callEntryPoint(
  { log, runner, settings }: { log: EngineLog; runner: ScriptRunner; settings: ResourceSettings },
  entryPoint: EntryPoint,
  args: readonly string[],
  program: string = entryPoint,
): Promise<ScriptEnd> {
  const timeoutS = settings.timeoutS(entryPoint);
  const startedAt = performance.now();
  log.add("entry point started", settings.name, { entryPoint: program, args, timeoutS });
  const end = await runner.run(program, args, timeoutS);
  const facts = { entryPoint: program, ms: performance.now() - startedAt };
  switch (end.kind) {
    case "exited":
      log.add("entry point ended", settings.name, { ...facts, exitCode: end.exitCode, ...outputOf(end) });
      break;
    case "signalled":
      log.add("entry point ended", settings.name, { ...facts, signal: end.signal, ...outputOf(end) });
      break;
    case "timed out":
      log.add("entry point killed", settings.name, {
        ...facts,
        timeoutS,
        signal: "SIGKILL",
        ...outputOf(end),
      });
      break;
    case "missing":
      log.add("entry point missing", settings.name, facts);
      break;
    case "not started":
      log.add("entry point missing", settings.name, { ...facts, text: end.text });
      break;
  }
  return end;
}

function outputOf({ output }: { readonly output: string }): EngineLogDetails {
  return output === "" ? {} : { text: output };
}
