/** A broker on a free port over a folder of its own, for tests that talk to it from outside. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { systemClock } from '../../../core/base/clock.ts';
import type { Logger } from '../../../core/base/logger.ts';
import { nodeDisk } from '../../../core/base/node-disk.ts';
import { type Broker, startBroker } from '../../../core/broker/broker.ts';
import type { BrokerOptions } from '../../../core/broker/broker-options.ts';

export class RunningBroker {
  readonly dataDir: string;
  broker: Broker;
  readonly lines: string[];

  constructor(dataDir: string, broker: Broker, lines: string[]) {
    this.dataDir = dataDir;
    this.broker = broker;
    this.lines = lines;
  }

  get address(): string {
    return `127.0.0.1:${this.broker.port}`;
  }

  kafka(clientId = 'test'): Kafka {
    return new Kafka({
      clientId,
      brokers: [this.address],
      logLevel: logLevel.NOTHING,
      retry: { initialRetryTime: 20, retries: 8 },
    });
  }

  /** Stops cleanly and starts again over the same data. */
  async restart(overrides: Partial<BrokerOptions> = {}): Promise<void> {
    const { port } = this.broker;
    await this.broker.close();
    this.broker = await startBroker(optionsFor(this.dataDir, this.lines, { listen: at(port), ...overrides }));
  }

  async stop(): Promise<void> {
    await this.broker.close();
    await rm(this.dataDir, { recursive: true, force: true });
  }
}

const at = (port: number) => ({ host: '127.0.0.1', port });

/** Keeps warnings and errors for the test to look at. */
export function collectingLogger(lines: string[]): Logger {
  const logger: Logger = {
    debug() {},
    info() {},
    warn: (_fields, message) => void lines.push(message),
    error: (_fields, message) => void lines.push(message),
    child: () => logger,
  };
  return logger;
}

export function optionsFor(dataDir: string, lines: string[], overrides: Partial<BrokerOptions>): BrokerOptions {
  return {
    listen: at(0),
    dataDir,
    durability: 'default',
    disk: nodeDisk,
    clock: systemClock,
    logger: collectingLogger(lines),
    ...overrides,
    settings: { offsetsPartitionCount: 2, ...overrides.settings },
    coordinator: { initialRebalanceDelayMs: 0, ...overrides.coordinator },
  };
}

export async function runBroker(overrides: Partial<BrokerOptions> = {}): Promise<RunningBroker> {
  const dataDir = await mkdtemp(join(tmpdir(), 'millrace-broker-'));
  const lines: string[] = [];
  const broker = await startBroker(optionsFor(dataDir, lines, overrides));
  return new RunningBroker(dataDir, broker, lines);
}
