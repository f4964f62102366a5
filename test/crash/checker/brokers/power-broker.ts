/** The embedded broker in this process on a disk in memory, so that the power can fail: only what was synced survives for certain. */

import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../../../core/base/clock.ts';
import type { Disk } from '../../../../core/base/disk.ts';
import { silentLogger } from '../../../../core/base/logger.ts';
import { type Broker, startBroker } from '../../../../core/broker/broker.ts';
import type { Crash } from '../../../fakes/crash.ts';
import { FakeDisk } from '../../../fakes/fake-disk.ts';
import { MachineDisk } from '../../../fakes/machine-disk.ts';
import type { BrokerUnderFire } from './broker-under-fire.ts';
import { startCuttingProxy } from './cutting-proxy.ts';
import { startTamperingProxy, type Tampering } from './tampering-proxy.ts';

export interface PowerBrokerOptions {
  /** Stands between broker and disk, to plant faults there. */
  readonly wrapDisk?: (disk: Disk) => Disk;
  /** Puts a bug between clients and broker. */
  readonly tampering?: Tampering;
}

const hourMs = 3_600_000;

export async function startPowerBroker({
  wrapDisk = (disk) => disk,
  tampering,
}: PowerBrokerOptions = {}): Promise<BrokerUnderFire> {
  const fake = new FakeDisk();
  const proxy = await startCuttingProxy();
  const ending: Promise<void>[] = [];
  let wallOffsetMs = 0;
  let machine: MachineDisk;
  let broker: Broker;
  let tamperingProxy: Awaited<ReturnType<typeof startTamperingProxy>> | undefined;
  const start = async () => {
    machine = new MachineDisk(fake);
    broker = await startBroker({
      listen: { host: '127.0.0.1', port: 0 },
      advertised: { host: '127.0.0.1', port: proxy.port },
      dataDir: '/data',
      durability: 'default',
      disk: wrapDisk(machine),
      clock: { ...systemClock, nowMs: () => systemClock.nowMs() + wallOffsetMs },
      logger: silentLogger,
      settings: { offsetsPartitionCount: 2 },
      coordinator: { initialRebalanceDelayMs: 0 },
    });
    await tamperingProxy?.close();
    tamperingProxy = tampering === undefined ? undefined : await startTamperingProxy(broker.port, tampering);
    proxy.target = tamperingProxy?.port ?? broker.port;
  };
  const crash = async (how: Crash) => {
    const before = broker;
    // First of all nobody hears it any more: what it still says about a dead disk is not an answer.
    proxy.cut();
    machine.die();
    fake.crash(how);
    ending.push(before.close().catch(() => {}));
    await start();
  };
  await start();
  return {
    bootstrapServers: [`127.0.0.1:${proxy.port}`],
    segmentBytes: 65_536,
    faults: {
      kill: () => crash({ kind: 'process' }),
      power: (measure) =>
        crash({
          kind: 'power',
          keptWrites: (count) => Math.floor(measure * (count + 1)),
          keptBytes: (length) => Math.floor(((measure * 7) % 1) * length),
          keptNames: (count) => Math.floor(((measure * 3) % 1) * (count + 1)),
        }),
      restart: async () => {
        await broker.close();
        await start();
      },
      cut: async (measure) => {
        await Promise.race([proxy.cutAfter(1 + Math.floor(measure * 20_000)), sleep(3_000)]);
      },
      full: async (measure) => {
        fake.capacityBytes = fake.usedBytes + Math.floor(measure * 2_000);
        await sleep(50 + measure * 800);
        fake.capacityBytes = Number.POSITIVE_INFINITY;
      },
      clock: async (measure) => {
        const clockStepMs = Math.round((measure - 0.5) * 48 * hourMs);
        wallOffsetMs += clockStepMs;
        await sleep(500);
        wallOffsetMs -= clockStepMs;
      },
    },
    close: async () => {
      await broker.close().catch(() => {});
      await Promise.all(ending);
      await tamperingProxy?.close();
      await proxy.close();
    },
  };
}
