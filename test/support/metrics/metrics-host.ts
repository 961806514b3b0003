import { EventEmitter } from "eventemitter3";
import type { FollowerEvents } from "../../../daemon/follower.ts";
import { createMetrics, type Metrics } from "../../../daemon/metrics/metrics.ts";
import type { ProberEvents } from "../../../daemon/prober.ts";
import { DispatcherHost } from "../fakes/dispatcher-host.ts";

/** The product's metrics over the product's dispatcher over fakes, and what a test publishes by itself. */
export class MetricsHost {
  readonly host = new DispatcherHost();
  readonly follower = { events: new EventEmitter<FollowerEvents>() };
  readonly prober = { events: new EventEmitter<ProberEvents>(), open: 0 };
  readonly queue = { waiting: 0 };
  readonly metrics: Metrics;

  constructor() {
    const { book, platform, dispatcher, log, facts } = this.host;
    const { follower, prober, queue } = this;
    const { migrations } = facts;
    this.metrics = createMetrics({
      book,
      platform,
      dispatcher,
      follower,
      migrations,
      prober,
      queue,
      log,
      version: "1.2.3",
    });
  }
}
