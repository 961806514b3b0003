import { EventEmitter } from "eventemitter3";
import type { ConnectionEvents } from "./connection-types.ts";

/** Is told what a listener threw, and at which event. */
export type ListenerErrorHook = (error: unknown, event: keyof ConnectionEvents) => void;

/** An emitter whose listeners cannot hurt it or each other: what one throws goes to a hook, the others still run. */
export class SafeEmitter extends EventEmitter<ConnectionEvents> {
  readonly #onListenerError: ListenerErrorHook;

  constructor(onListenerError: ListenerErrorHook) {
    super();
    this.#onListenerError = onListenerError;
  }

  override emit<Name extends keyof ConnectionEvents>(
    event: Name,
    ...args: EventEmitter.EventArgs<ConnectionEvents, Name>
  ): boolean {
    const listeners = this.listeners(event);
    for (const listener of listeners) {
      this.removeListener(event, listener, undefined, true); // only if it was added by once()
      try {
        Reflect.apply(listener, undefined, args);
      } catch (error) {
        this.#onListenerError(error, event);
      }
    }
    return listeners.length > 0;
  }
}
