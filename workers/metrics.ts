/** Numbers for Prometheus: made from what tasks reported, at the moment somebody asks. */

import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Herder } from './herder/herder.ts';
import type { TaskNumbers } from './task-numbers.ts';

export interface MetricsOptions {
  readonly herder: Herder;
  readonly numbers: TaskNumbers;
}

const loopResolutionMs = 20;
const nanosecondsPerSecond = 1e9;

export class Metrics {
  readonly #options: MetricsOptions;
  readonly #loopDelay = monitorEventLoopDelay({ resolution: loopResolutionMs });

  constructor(options: MetricsOptions) {
    this.#options = options;
    this.#loopDelay.enable();
  }

  /** The delay of the main thread's event loop counts from one call to the next. */
  async expose(): Promise<{ contentType: string; text: string }> {
    // Loaded by the first who asks: a worker nobody scrapes starts without it.
    const { Registry, Gauge, Counter } = await import('prom-client');
    const registry = new Registry();
    const gauge = (name: string, help: string, labelNames: string[] = []) =>
      new Gauge({ name, help, labelNames, registers: [registry] });
    const counter = (name: string, help: string, labelNames: string[] = []) =>
      new Counter({ name, help, labelNames, registers: [registry] });
    this.#exposeProcess(gauge, counter);
    this.#exposeTaskStates(gauge, counter);
    this.#exposeNumbers(gauge, counter);
    return { contentType: registry.contentType, text: await registry.metrics() };
  }

  close(): void {
    this.#loopDelay.disable();
  }

  #exposeProcess(gauge: MakeGauge, counter: MakeCounter): void {
    const { rss, heapUsed, external } = process.memoryUsage();
    gauge('millrace_process_resident_memory_bytes', 'Resident memory of the process').set(rss);
    gauge('millrace_process_heap_bytes', 'Heap of the main thread in use').set(heapUsed);
    gauge('millrace_process_external_bytes', 'Memory outside of the main heap, buffers above all').set(external);
    const { user, system } = process.cpuUsage();
    counter('millrace_process_cpu_seconds_total', 'CPU time of the process').inc((user + system) / 1e6);
    const delay = gauge('millrace_event_loop_delay_seconds', 'Delay of the main event loop', ['quantile']);
    for (const percentile of [50, 99]) {
      const seconds = this.#loopDelay.percentile(percentile) / nanosecondsPerSecond;
      delay.set({ quantile: String(percentile / 100) }, Number.isFinite(seconds) ? seconds : 0);
    }
    delay.set({ quantile: '1' }, this.#loopDelay.max / nanosecondsPerSecond);
    this.#loopDelay.reset();
  }

  #exposeTaskStates(gauge: MakeGauge, counter: MakeCounter): void {
    const { herder } = this.#options;
    gauge('millrace_connectors', 'Connectors that are declared').set(herder.connectorNames.length);
    const states = gauge('millrace_task_state', '1 for the state the task is in', [...labels, 'state']);
    const restarts = counter('millrace_task_restarts_total', 'Automatic restarts of the task', labels);
    for (const { task, view } of herder.tasks()) {
      const label = { connector: task.connector, task: task.index };
      states.set({ ...label, state: view.state }, 1);
      restarts.inc(label, view.restarts);
    }
  }

  /** Names that end in `_total` count up, all others are set: the contract of connectors' gauges. */
  #exposeNumbers(gauge: MakeGauge, counter: MakeCounter): void {
    const counters = new Map<string, ReturnType<MakeCounter>>();
    const gauges = new Map<string, ReturnType<MakeGauge>>();
    for (const { connector, index, totals, values } of this.#options.numbers.all()) {
      const label = { connector, task: index };
      for (const [name, total] of Object.entries(totals)) {
        const full = metricName(name).replace(/(_total)?$/, '_total');
        const metric = counters.get(full) ?? counter(full, `${name} of the task`, labels);
        counters.set(full, metric);
        metric.inc(label, total);
      }
      for (const [name, value] of Object.entries(values)) {
        const full = metricName(name).replace(/_total$/, '');
        const metric = gauges.get(full) ?? gauge(full, `${name} of the task`, labels);
        gauges.set(full, metric);
        metric.set(label, value);
      }
    }
  }
}

type MakeGauge = (name: string, help: string, labelNames?: string[]) => import('prom-client').Gauge;
type MakeCounter = (name: string, help: string, labelNames?: string[]) => import('prom-client').Counter;

const labels = ['connector', 'task'];

function metricName(name: string): string {
  return `millrace_${name.replaceAll(/[^a-zA-Z0-9_]/g, '_')}`;
}
