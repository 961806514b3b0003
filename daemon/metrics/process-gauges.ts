import { readdirSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { Counter, Gauge, type Registry } from "prom-client";

/**
 * Registers what the process itself costs, under the names that all Prometheus clients use. Own ones instead of
 * prom-client's: those keep a timer of 10 ms and an observer of the garbage collector running, scraped or not.
 */
export function registerProcess(registry: Registry, version: string): void {
  const build = new Gauge({
    name: "vcskvmguestd_build_info",
    help: "1, with the version of the daemon and of Node.js.",
    labelNames: ["version", "node"],
    registers: [registry],
  });
  build.set({ version, node: process.versions.node }, 1);
  const gauge = gaugesIn(registry);
  const counter = countersIn(registry);
  gauge("process_start_time_seconds", "When the process was started; unixtime.", () =>
    Math.round(performance.timeOrigin / 1000),
  );
  counter("process_cpu_seconds_total", "CPU time of the process, user and system.", () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  gauge("process_resident_memory_bytes", "Resident memory of the process.", () => process.memoryUsage.rss());
  // in this thread: those for files may all hang, and then metrics are needed most
  gauge(
    "process_open_fds",
    "Open file descriptors of the process.",
    () => readdirSync("/proc/self/fd").length,
  );
  gauge("nodejs_heap_size_used_bytes", "Used part of the JavaScript heap.", () => {
    return process.memoryUsage().heapUsed;
  });
  counter(
    "nodejs_eventloop_active_seconds_total",
    "Time in which the event loop worked.",
    () => performance.eventLoopUtilization().active / 1000,
  );
  gauge(
    "nodejs_eventloop_lag_seconds",
    "How long a callback waited for its turn, tried once at each scrape.",
    eventLoopLagS,
  );
}

function gaugesIn(registry: Registry) {
  return (name: string, help: string, valueOf: () => number | Promise<number>): void => {
    const metric = new Gauge({
      name,
      help,
      registers: [],
      async collect() {
        this.set(await valueOf());
      },
    });
    registry.registerMetric(metric);
  };
}

function countersIn(registry: Registry) {
  return (name: string, help: string, valueOf: () => number): void => {
    const metric = new Counter({
      name,
      help,
      registers: [],
      collect() {
        this.reset();
        this.inc(valueOf());
      },
    });
    registry.registerMetric(metric);
  };
}

function eventLoopLagS(): Promise<number> {
  const since = performance.now();
  return new Promise((resolve) => setImmediate(() => resolve((performance.now() - since) / 1000)));
}
