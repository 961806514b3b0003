import * as fc from "fast-check";
import { expect, it } from "vitest";
import type { LogEntry } from "../support/fakes/recording-log.ts";
import { happen } from "../support/scenario/happen.ts";
import { parseScript } from "../support/scenario/script.ts";
import { makeWorld, type World } from "../support/scenario/world.ts";

/** The long tests look further. */
const RUNS = process.env["VCSKVM_LONG"] === "1" ? 1000 : 20;

const GUEST = "random1";

/** Every story begins with a guest that the engine has brought online. */
const BEGINNING = `
0s  ${GUEST} is defined
0s  daemon starts
0s  engine opens ${GUEST}
1s  engine monitors ${GUEST}
2s  engine brings ${GUEST} online
8s  engine polls ${GUEST} every 7s
`;

/** What can happen in any order; each is a sentence of the scenarios. */
const SENTENCES = [
  "engine brings _ online",
  "engine brings _ online",
  "engine brings _ online",
  "engine takes _ offline",
  "engine cleans _, reason 4",
  "engine is down",
  "engine is up",
  "emulator of _ is killed",
  "_ powers off from inside",
  "_ is destroyed by hand",
  "_ is suspended",
  "_ is resumed",
  "a disk of _ fails",
  "_ ignores every shutdown",
  "_ obeys a shutdown after 3s",
  "a start takes 0s",
  "a start takes 20s",
  "a destroy takes 10s",
  "libvirtd stops",
  "libvirtd starts",
  "libvirtd hangs",
  "libvirtd goes on",
  "daemon stops",
  "daemon starts",
].map((sentence) =>
  sentence === "engine monitors" ? `engine monitors ${GUEST}` : sentence.replace("_", GUEST),
);

const story = fc.array(
  fc.record({ afterMs: fc.constantFrom(0, 100, 1000, 5000, 20_000), text: fc.constantFrom(...SENTENCES) }),
  { minLength: 5, maxLength: 25 },
);

/** Some happenings need what is not there: nobody suspends a guest that is off. */
function isPossible(world: World, text: string): boolean {
  const { condition } = world.libvirtd;
  if (text === "daemon starts") return !world.hasDaemon;
  if (text === "libvirtd starts") return condition === "down";
  if (text === "libvirtd goes on") return condition === "hung";
  if (text.startsWith("libvirtd ")) return condition === "up";
  if (/is suspended|is resumed|fails$/.test(text)) {
    return condition === "up" && world.libvirtd.named(GUEST).isActive;
  }
  return true;
}

/** Every breach of a law, seen at the moment at which the product speaks. */
function breachesIn(world: World): string[] {
  const breaches: string[] = [];
  const lives = () => world.emulators.lives(world.libvirtd.named(GUEST).uuid);
  world.onLog = ({ level, message, fields }: LogEntry) => {
    const isStarting = world.libvirtd.named(GUEST).starting !== undefined;
    if (message === "guest is proved gone" && (lives() || isStarting))
      breaches.push("clean ends beside a guest");
    if (message === "guest stopped" && lives()) breaches.push("offline ends beside a guest");
    if (level === "error" && message.includes("nobody foresaw"))
      breaches.push(`${message}: ${String(fields["err"])}`);
    const isHidden =
      message === "entry point ended" && fields["state"] === "OFFLINE" && lives() && !isStarting;
    if (isHidden) breaches.push("a live guest is told as OFFLINE");
  };
  return breaches;
}

it("keeps its laws in stories that nobody has thought of", async () => {
  await fc.assert(
    fc.asyncProperty(story, async (happenings) => {
      const world = await makeWorld();
      try {
        const breaches = breachesIn(world);
        for (const { atMs, text } of parseScript(BEGINNING)) {
          await world.clock.advance(atMs - world.clock.now);
          await world.clock.hold(happen(world, text));
        }
        for (const { afterMs, text } of happenings) {
          await world.clock.advance(afterMs);
          if (!isPossible(world, text)) continue;
          world.journal.happening(text);
          await world.clock.hold(happen(world, text));
          await world.clock.settle();
        }
        await world.clock.advance(120_000);

        // the story is told with its breach
        expect(breaches.map((breach) => `${breach}\n${world.journal.text()}`)).toEqual([]);
      } finally {
        await world.end();
      }
    }),
    { numRuns: RUNS },
  );
}, 600_000);
