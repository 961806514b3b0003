import type { JsonValue } from "../ipc/protocol.ts";
import type { Views } from "../ipc/views.ts";
import { environmentOf } from "../src/attributes.ts";
import type { Platform } from "../src/platform.ts";
import { stateText } from "../src/resource-state.ts";
import type { ResourceBook, ResourceRecord } from "./resource-book.ts";

/** The source of states that every host has; all others are managers of RHEV-M. */
const LIBVIRT = "libvirt";

/** What operators may read of the daemon, from memory. */
export function createViews(book: ResourceBook, platform: Platform): Views {
  const sources = new Map([[LIBVIRT, "not connected"]]);
  platform.events.on("connected", (source) => void sources.set(source, "connected"));
  platform.events.on("lost", (source, reason) => void sources.set(source, `lost: ${reason}`));
  platform.events.on("dropped", (source) => void sources.delete(source));
  return {
    health: () => {
      const { [LIBVIRT]: libvirt = "not connected", ...managers } = Object.fromEntries(sources);
      return { status: "ok", libvirt, managers, resources: book.all().length };
    },
    guests: () => book.all().map(guestView),
    guest: (name) => book.ofGuest(name).map(guestView)[0],
    subscribe(listener) {
      const changed = (guest: string) => listener({ event: "changed", guest });
      const connected = (source: string) => listener({ event: "connected", source });
      const lost = (source: string, reason: string) => listener({ event: "lost", source, reason });
      platform.events.on("changed", changed);
      platform.events.on("connected", connected);
      platform.events.on("lost", lost);
      return () => {
        platform.events.off("changed", changed);
        platform.events.off("connected", connected);
        platform.events.off("lost", lost);
      };
    },
  };
}

function guestView(record: ResourceRecord): JsonValue {
  const { registration, operation, lastReading, unknownTold, heartbeat } = record;
  const { resource, attributes, watched, stopping, lastAnswer } = registration;
  return {
    resource,
    guest: attributes.guestName,
    environment: environmentOf(attributes),
    watched,
    stopping,
    operation: operation ?? null,
    told: unknownTold ? "UNKNOWN" : lastAnswer === undefined ? null : stateText(lastAnswer.state),
    heartbeat: attributes.ceInfo.enabled ? heartbeat.phase : null,
    reading:
      lastReading === undefined
        ? null
        : {
            state: stateText(lastReading.reading.state),
            reason: lastReading.reading.reason,
            source: lastReading.reading.source,
            uuid: lastReading.reading.uuid ?? null,
            at: lastReading.at.toISOString(),
          },
  };
}
