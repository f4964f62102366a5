/** Starts a database, Millrace and a reader that prints, and lets the shop trade until it is told to stop. */

import { rmSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import pg from 'pg';
import { formatAddress } from '../cli/address.ts';
import { onStopSignal } from '../cli/signals.ts';
import { matchesWhole, wantsColor } from '../config/index.ts';
import { systemClock } from '../core/base/clock.ts';
import { describeError } from '../core/base/errors.ts';
import { Lifecycle } from '../core/base/lifecycle.ts';
import { silentLogger } from '../core/base/logger.ts';
import { connectCluster, openAdmin } from '../core/client/index.ts';
import { lineHeader } from './change-line.ts';
import { ChangePrinter } from './change-printer.ts';
import { ChangeReader } from './change-reader.ts';
import { demoErrors } from './error-codes.ts';
import type { DemoOptions } from './options.ts';
import { type Paint, paintWith } from './paint.ts';
import { applyPipeline, type Platform, pipelineFile, startPlatform } from './platform.ts';
import { portNear } from './ports.ts';
import { startPostgres } from './postgres/server.ts';
import { openShop } from './shop/open-shop.ts';
import { runWorkload } from './shop/workload.ts';
import { placesText, startingText, totalsText } from './texts.ts';

const host = '127.0.0.1';

/** Beside the usual one, where the machine may have a Postgres of its own. */
const postgresPort = 5433;

interface Demo {
  readonly options: DemoOptions;
  readonly paint: Paint;
  readonly life: Lifecycle;
  /** Settles when it is to stop; rejects when something has failed. */
  readonly end: Promise<unknown>;
  readonly onFailed: (error: unknown) => void;
}

/** Resolves when everything is stopped and, unless asked to keep it, removed. Throws what made it fail, after the same. */
export async function runDemo(options: DemoOptions): Promise<void> {
  const paint = paintWith(wantsColor(process.stdout, process.env));
  const stop = onStopSignal(() => process.stderr.write('\nstopping; once more ends at once\n'));
  process.once('SIGHUP', () => process.kill(process.pid, 'SIGTERM'));
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {}); // looked at while it runs; what fails while it stops fails because of that
  const unread = new Promise<void>((resolve) => void process.stdout.on('error', () => resolve()));
  const over = Promise.withResolvers<void>();
  if (options.for !== undefined) systemClock.timer(options.for, over.resolve);
  const end = Promise.race([stop.requested, over.promise, unread, failed.promise]);
  end.catch(() => {}); // it is waited for below
  const life = new Lifecycle();
  try {
    await start({ options, paint, life, end, onFailed: failed.reject });
    await end;
  } finally {
    await life.close();
    stop.dispose();
  }
}

async function start(demo: Demo): Promise<void> {
  const { options, paint, life, end } = demo;
  const startedMs = systemClock.monotonicMs();
  const folder = await openFolder(life, options.keep);
  process.stdout.write(startingText(paint, folder));
  const printer = new ChangePrinter(process.stdout, paint);
  const [database, { bootstrap, worker }] = await openServers(demo, folder, (objects) => {
    const durationMs = systemClock.monotonicMs() - startedMs;
    if (printer.changes > 0) process.stdout.write(`\n${totalsText(printer, { durationMs, objects })}\n`);
  });
  const objects = join(folder, 'objects');
  const pattern = await applyPipeline(worker, { PGURL: database, STORE_URL: `file:${objects}` });
  const rest = worker.restAddress === undefined ? '' : `http://${formatAddress(worker.restAddress)}`;
  const pipeline = relative(process.cwd(), pipelineFile);
  const places = { database, bootstrap, rest, objects: join(objects, 'topics'), pipeline, folder };
  process.stdout.write(placesText(paint, places, options));
  process.stdout.write(`${lineHeader(paint)}\n`);
  openReader(demo, bootstrap, pattern, printer);
  // What the shop does from here on is seen as it happens; before, it would wait for the snapshot.
  await Promise.race([printer.first, end]);
  await openWorkload(demo, database);
}

/** Postgres may run as another user, who must come through here. */
async function openFolder(life: Lifecycle, keep: boolean): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-demo-'));
  await chmod(folder, 0o755);
  if (keep) {
    life.onClose(() => void process.stdout.write(`kept in ${folder}\n`));
    return folder;
  }
  // Ended at once, it leaves little: what still runs then may make a folder anew.
  const removeNow = () => {
    try {
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    } catch {
      process.stderr.write(`not all of ${folder} could be removed\n`);
    }
  };
  process.once('exit', removeNow);
  life.onClose(async () => {
    await rm(folder, { recursive: true, force: true });
    process.off('exit', removeNow);
  });
  return folder;
}

/** Both start at once; Millrace is stopped first, and tells then how many objects it has written. */
async function openServers(
  { life, onFailed }: Demo,
  folder: string,
  onDrained: (objects: number) => void,
): Promise<[database: string, platform: Platform]> {
  const port = await portNear(postgresPort);
  const postgres = startPostgres({ folder: join(folder, 'postgres'), port });
  const platform = startPlatform(folder, onFailed);
  life.onClose(async () => (await settled(postgres))?.stop());
  life.onClose(async () => {
    const started = await settled(platform);
    await started?.close();
    onDrained(started?.worker.progress().objects ?? 0);
  });
  const shop = postgres.then(({ ended }) => {
    void ended.then((log) => {
      onFailed(demoErrors.error('postgres-ended', { message: log.trim(), where: `${host}:${port}` }));
    });
    return openShop(host, port);
  });
  return Promise.all([shop, platform]);
}

/** undefined for what has failed; whoever waits for it hears of that. */
function settled<T>(part: Promise<T>): Promise<T | undefined> {
  return part.catch(() => undefined);
}

function openReader({ life, onFailed }: Demo, bootstrap: string, pattern: RegExp, printer: ChangePrinter): void {
  const clientId = 'millrace-demo';
  const cluster = connectCluster({ bootstrapServers: [bootstrap], clientId, clock: systemClock, logger: silentLogger });
  life.onClose(() => cluster.close());
  const admin = openAdmin(cluster);
  life.onClose(() => admin.close());
  const reader = new ChangeReader({
    cluster,
    admin,
    isWanted: (topic) => matchesWhole(pattern, topic),
    clock: systemClock,
    onRecord: (record) => printer.onRecord(record),
    onFailed,
  });
  life.onClose(() => reader.close());
}

/** A shop whose tables were changed by somebody else may have to close; what they do goes on being shown. */
async function openWorkload({ options, life }: Demo, database: string): Promise<void> {
  const client = new pg.Client(database);
  client.on('error', () => {}); // its next statement hears of it
  await client.connect();
  life.onClose(() => client.end());
  const stopping = new AbortController();
  const running = runWorkload({
    database: client,
    ratePerSecond: options.rate,
    clock: systemClock,
    signal: stopping.signal,
  }).catch((error) => void process.stderr.write(`the shop has closed: ${describeError(error)}\n`));
  life.onClose(() => {
    stopping.abort();
    return running;
  });
}
