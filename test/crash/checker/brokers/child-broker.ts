/** The embedded broker in a process of its own behind a proxy: killed, stopped, restarted, cut off, filled up, its clock set. */

import { type ChildProcess, fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChildOrder } from './broker-child.ts';
import type { BrokerUnderFire } from './broker-under-fire.ts';
import { startCuttingProxy } from './cutting-proxy.ts';

const hourMs = 3_600_000;

export async function startChildBroker({ keep = false } = {}): Promise<BrokerUnderFire & { readonly dataDir: string }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'millrace-checker-'));
  const proxy = await startCuttingProxy();
  let child: ChildProcess;
  const start = async () => {
    child = fork(join(import.meta.dirname, 'broker-child.ts'), [dataDir, String(proxy.port)]);
    proxy.target = await new Promise<number>((resolve, reject) => {
      child.once('message', (told) => resolve((told as { port: number }).port));
      child.once('exit', (code) => reject(new Error(`the broker ended with ${code}`)));
    });
  };
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await gone;
  };
  const tell = (order: ChildOrder) => void child.send(order);
  await start();
  return {
    dataDir,
    bootstrapServers: [`127.0.0.1:${proxy.port}`],
    segmentBytes: 65_536,
    faults: {
      kill: async (measure) => {
        await end('SIGKILL');
        await sleep(measure * 300);
        await start();
      },
      restart: async () => {
        await end('SIGTERM');
        await start();
      },
      stop: async (measure) => {
        child.kill('SIGSTOP');
        await sleep(200 + measure * 3_000);
        child.kill('SIGCONT');
      },
      cut: async (measure) => {
        await Promise.race([proxy.cutAfter(1 + Math.floor(measure * 20_000)), sleep(3_000)]);
      },
      lose: async (measure) => {
        proxy.isLosingAnswers = true;
        await sleep(20 + measure * 300);
        proxy.cut();
        proxy.isLosingAnswers = false;
      },
      full: async (measure) => {
        tell({ isFull: true });
        await sleep(50 + measure * 1_000);
        tell({ isFull: false });
      },
      clock: async (measure) => {
        // A day to each side; forward and back again, so that a run does not drift away.
        const clockStepMs = Math.round((measure - 0.5) * 48 * hourMs);
        tell({ clockStepMs });
        await sleep(500);
        tell({ clockStepMs: -clockStepMs });
      },
    },
    close: async () => {
      await end('SIGKILL');
      await proxy.close();
      if (!keep) await rm(dataDir, { recursive: true, force: true });
    },
  };
}
