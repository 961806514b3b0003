import { writeCopy } from "../../src/kvm/sync-folder.ts";

/** Writes the copy of a guest's definition again and again, each time another one of 400 KB; for tests that kill it. */
const [, , folder = ""] = process.argv;
const never = new AbortController().signal;
for (let round = 0; ; round++) {
  const letter = String.fromCodePoint(97 + (round % 26));
  await writeCopy(folder, "web1", `<domain>${letter.repeat(400_000)}</domain>`, 2, never);
  if (round === 0) process.stdout.write("first\n");
}
