/** A temporary folder and a file source over it. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connector } from '../../../connectors/file-source/index.ts';
import { type Clock, systemClock } from '../../../core/base/clock.ts';
import { type DriverOptions, runOnce, SourceDriver, type SourceStore } from '../../kits/source-kit.ts';

export class Workbench {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'file-source-'));
  readonly #open = new Set<SourceDriver>();

  path(name: string): string {
    return path.join(this.folder, name);
  }

  options(settings: Record<string, string>, more: Partial<DriverOptions> = {}): DriverOptions {
    return {
      create: () => connector.createTask(),
      settings: {
        name: 'logs',
        'connector.class': 'file',
        topic: 'logs',
        paths: this.path('*.log*'),
        'scan.interval.ms': '100',
        'partial.line.timeout.ms': '300',
        'settle.ms': '300',
        'rotated.timeout.ms': '500',
        ...settings,
      },
      ...more,
    };
  }

  async start(settings: Record<string, string> = {}, more: Partial<DriverOptions> = {}): Promise<SourceDriver> {
    const driver = await SourceDriver.open(this.options(settings, more));
    this.#open.add(driver);
    return driver;
  }

  async stop(driver: SourceDriver): Promise<void> {
    this.#open.delete(driver);
    await driver.close();
  }

  once(
    store: SourceStore,
    settings: Record<string, string> = {},
    more: Partial<DriverOptions> = {},
  ): Promise<SourceDriver> {
    return runOnce(this.options(settings, { ...more, store }));
  }

  async dispose(): Promise<void> {
    for (const driver of this.#open) await driver.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Distinct lines of about 40 bytes. */
export function numbered(name: string, from: number, to: number): string[] {
  return Array.from(
    { length: to - from },
    (_, i) => `${name} line ${String(from + i).padStart(6, '0')} some filler text`,
  );
}

export function asText(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}

/** Time that passes `factor` times as fast for everything that waits, so that minutes of timeouts fit into a test. */
export function fastClock(factor: number): Clock {
  return {
    nowMs: () => systemClock.nowMs(),
    monotonicMs: () => systemClock.monotonicMs() * factor,
    sleep: (ms, signal) => systemClock.sleep(ms / factor, signal),
    timer: (ms, fn) => systemClock.timer(ms / factor, fn),
  };
}
