import type { JsonValue } from "../../../ipc/protocol.ts";
import type { MetricsText, Views } from "../../../ipc/views.ts";

/** Views over values that the test sets, and a subscription it can publish to. */
export class FakeViews implements Views {
  guestsByName: Record<string, JsonValue> = {};
  failure: Error | undefined;
  metricsBody = "up 1\n";
  readonly listeners = new Set<(event: JsonValue) => void>();

  health(): JsonValue {
    if (this.failure !== undefined) throw this.failure;
    return { healthy: true };
  }

  guests(): JsonValue {
    return Object.keys(this.guestsByName);
  }

  guest(name: string): JsonValue | undefined {
    return Object.hasOwn(this.guestsByName, name) ? this.guestsByName[name] : undefined;
  }

  why(name: string): JsonValue | undefined {
    return Object.hasOwn(this.guestsByName, name) ? { guest: name, events: [] } : undefined;
  }

  history(): JsonValue {
    return { events: [] };
  }

  attributes(resource: string): JsonValue | undefined {
    return Object.hasOwn(this.guestsByName, resource) ? { GuestName: [resource] } : undefined;
  }

  metrics(): Promise<MetricsText> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    return Promise.resolve({ type: "text/plain; version=0.0.4; charset=utf-8", body: this.metricsBody });
  }

  subscribe(listener: (event: JsonValue) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  publish(event: JsonValue): void {
    for (const listener of this.listeners) listener(event);
  }
}
