/**
 * Change data capture under fire: a database is written to while what captures it is killed again and again, as a whole or a
 * thread, and while its connections are cut at the server. Then it runs to its end, and the changes in the topic must be
 * those of the database: each once, in order, and folded equal to its table.
 *
 * With `transaction.boundary=connector` no transaction of the database may be in two of the topic.
 *
 *   node test/crash/postgres.ts --kills 100 --seed 7 --version 18 --boundary connector
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { freePort } from '../free-port.ts';
import {
  morePostgresVersions,
  type PostgresServer,
  type PostgresVersion,
  postgresVersions,
  startPostgres,
} from '../kits/postgres-server.ts';
import { type MillraceChild, startMillrace } from './millrace-child.ts';
import { seededRandom } from './random.ts';
import { readTopic } from './topic.ts';

export interface PostgresRunOptions {
  readonly version: PostgresVersion;
  readonly kills: number;
  readonly seed: number;
  /** Rows of the table before the first start. */
  readonly rows: number;
  readonly longestRunMs?: number;
  /** `transaction.boundary`; with `connector` some transactions are larger than a poll. */
  readonly boundary?: 'poll' | 'connector';
  readonly onProgress?: (text: string) => void;
}

export interface PostgresReport {
  readonly kills: Readonly<Record<Victim, number>>;
  /** Changes that the database has committed, rows of before the first start among them. */
  readonly written: number;
  readonly arrived: number;
  /** Rows that came twice because the part of the snapshot they are in was interrupted. */
  readonly readAgain: number;
  /** Rows that signals had read again, beside the stream. */
  readonly onDemand: number;
  /** Of those that no read of the table can have seen instead. */
  readonly missing: number;
  readonly duplicates: number;
  readonly outOfOrder: number;
  /** Rows in which the folded changes differ from the table. */
  readonly different: number;
  /** Transactions of the database that readers could have seen in part. */
  readonly split: number;
  readonly examples: readonly string[];
}

type Victim = 'process' | 'thread' | 'connection';

const victims: readonly Victim[] = ['process', 'thread', 'connection'];
const threadKiller = { NODE_OPTIONS: `--import=${new URL('./thread-killer.ts', import.meta.url).href}` };
const topic = 'p.public.items';

export async function runPostgres(options: PostgresRunOptions): Promise<PostgresReport> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-postgres-run-'));
  const server = await startPostgres({ version: options.version, settings: { logical_decoding_work_mem: '64kB' } });
  try {
    return await run(options, server, folder);
  } finally {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function run(options: PostgresRunOptions, server: PostgresServer, folder: string): Promise<PostgresReport> {
  const random = seededRandom(options.seed);
  // Every version of a row is another number, over all rows: a change is told by it.
  await server.query('CREATE TABLE items (id bigint PRIMARY KEY, version bigint, filler text)');
  await server.query('CREATE SEQUENCE versions');
  await server.query('CREATE TABLE signals (id serial PRIMARY KEY, type text, data text)');
  await server.query(
    `INSERT INTO items SELECT i, nextval('versions'), repeat('x', 50) FROM generate_series(1, ${options.rows}) i`,
  );
  const pipeline = join(folder, 'pipeline.yaml');
  writeFileSync(pipeline, pipelineText(server, options.boundary ?? 'poll'));
  const dataDir = join(folder, 'data');
  const start = async (more: readonly string[] = []): Promise<MillraceChild> => {
    const ports = ['--listen', `127.0.0.1:${await freePort()}`, '--rest', `127.0.0.1:${await freePort()}`];
    return startMillrace(
      ['up', pipeline, '--data-dir', dataDir, ...ports, '--log-level', 'warn', ...more],
      threadKiller,
    );
  };
  const writer = new Writer(server, random, options);
  const writing = writer.start();
  const kills = await killAgainAndAgain(options, server, start, random).finally(() => writer.stop());
  await writing;
  const last = await start(['--once']);
  const ended = await last.ended;
  if (ended !== 0) throw new Error(`the last run ended with ${ended}:\n${last.output()}`);
  return { kills, ...(await judge(server, dataDir, writer.versions)) };
}

function pipelineText(server: PostgresServer, boundary: 'poll' | 'connector'): string {
  return [
    'pipeline: p',
    'source:',
    '  connector: postgres',
    `  database.url: ${server.url}`,
    '  topic.prefix: p',
    '  table.include.list: public\\.items',
    '  snapshot.chunk.bytes: 64KiB',
    '  signal.data.collection: public.signals',
    '  incremental.snapshot.chunk.size: 200',
    '  tombstones.on.delete: false',
    `  transaction.boundary: ${boundary}`,
    '  key.converter.schemas.enable: false',
    '  value.converter.schemas.enable: false',
    'topics:',
    `  ${topic}: { partitions: 1 }`,
    '',
  ].join('\n');
}

/** Transactions of one to many statements, some rolled back, with savepoints; writes down the versions it has committed. */
class Writer {
  /** What became of each version: rows that were there before have theirs in order. */
  readonly versions = new Set<number>();
  readonly #server: PostgresServer;
  readonly #random: () => number;
  readonly #writesHuge: boolean;
  #nextId: number;
  #isStopped = false;

  constructor(server: PostgresServer, random: () => number, { rows, boundary }: PostgresRunOptions) {
    this.#writesHuge = boundary === 'connector';
    this.#server = server;
    this.#random = random;
    this.#nextId = rows + 1;
    for (let version = 1; version <= rows; version += 1) this.versions.add(version);
  }

  async start(): Promise<void> {
    const client = await this.#server.connect();
    while (!this.#isStopped) {
      await client.query('BEGIN');
      const written: number[] = [];
      const isLarge = this.#random() < 0.03;
      for (let left = isLarge ? 300 : 1 + Math.floor(this.#random() * 5); left > 0; left -= 1) {
        if (this.#random() < 0.1) {
          await client.query('SAVEPOINT s');
          await this.#change(client);
          await client.query('ROLLBACK TO s');
        }
        written.push(...(await this.#change(client)));
      }
      if (this.#writesHuge && this.#random() < 0.01) written.push(...(await this.#changeMany(client)));
      const isUndone = this.#random() < 0.1;
      await client.query(isUndone ? 'ROLLBACK' : 'COMMIT');
      if (!isUndone) for (const version of written) this.versions.add(version);
      await sleep(this.#random() * 4);
    }
    await client.end();
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** More than a poll of the connector takes. */
  async #changeMany(client: Awaited<ReturnType<PostgresServer['connect']>>): Promise<number[]> {
    const text = "UPDATE items SET version = nextval('versions') WHERE id BETWEEN $1 AND $2 RETURNING version";
    const first = 1 + Math.floor(this.#random() * this.#nextId * 0.5);
    const { rows } = await client.query<{ version: string }>(text, [first, first + 8_000]);
    return rows.map(({ version }) => Number(version));
  }

  async #change(client: Awaited<ReturnType<PostgresServer['connect']>>): Promise<number[]> {
    const chance = this.#random();
    const some = 1 + Math.floor(this.#random() * this.#nextId);
    const [text, values]: [string, unknown[]] =
      chance < 0.5
        ? ["INSERT INTO items VALUES ($1, nextval('versions'), repeat('n', 50)) RETURNING version", [this.#nextId++]]
        : chance < 0.85
          ? ["UPDATE items SET version = nextval('versions') WHERE id = $1 RETURNING version", [some]]
          : ['DELETE FROM items WHERE id = $1 RETURNING NULL AS version', [some]];
    const { rows } = await client.query<{ version: string | null }>(text, values);
    return rows.flatMap(({ version }) => (version === null ? [] : [Number(version)]));
  }
}

async function killAgainAndAgain(
  options: PostgresRunOptions,
  server: PostgresServer,
  start: () => Promise<MillraceChild>,
  random: () => number,
): Promise<Record<Victim, number>> {
  const kills = { process: 0, thread: 0, connection: 0 };
  let child = await start();
  for (let kill = 1; kill <= options.kills; kill += 1) {
    if (random() < 0.7) await server.query(readAgainStatement);
    await Promise.race([sleep(300 + random() * ((options.longestRunMs ?? 4_000) - 300)), child.ended]);
    if (child.process.exitCode !== null) throw new Error(`it ended by itself:\n${child.output()}`);
    const victim = victims[Math.floor(random() * victims.length)] ?? 'process';
    kills[victim] += 1;
    if (victim === 'process') {
      await child.kill();
      child = await start();
    } else if (victim === 'connection') {
      await server.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'millrace %'",
      );
    } else if (/^pipeline /m.test(child.output())) {
      child.process.kill('SIGUSR2');
    }
    options.onProgress?.(`kill ${kill} of ${options.kills}: ${victim}`);
  }
  // What is asked for before the slot is there is never heard.
  while ((await server.query('SELECT FROM pg_replication_slots')).length === 0) await sleep(100);
  await server.query(readAgainStatement);
  await child.kill();
  return kills;
}

/** Taken exactly once, whatever is killed when it has come. */
const readAgainStatement = `INSERT INTO signals (type, data) VALUES ('execute-snapshot', '{"data-collections": ["public.items"]}')`;

interface Change {
  readonly op: string;
  readonly source: { readonly txId: number | null; readonly snapshot: string };
  readonly before: { readonly id: number } | null;
  readonly after: { readonly id: number; readonly version: number } | null;
}

/** What is kept of a change: there are millions in a long run. */
interface Told {
  readonly op: string;
  readonly isOnDemand: boolean;
  readonly id: number;
  /** null for a row that is gone. */
  readonly version: number | null;
}

function toldBy({ op, source, before, after }: Change): Told {
  const id = after?.id ?? before?.id ?? Number.NaN;
  return { op, isOnDemand: source.snapshot === 'incremental', id, version: after?.version ?? null };
}

async function judge(
  server: PostgresServer,
  dataDir: string,
  versions: ReadonlySet<number>,
): Promise<Omit<PostgresReport, 'kills'>> {
  const changes: Told[] = [];
  // A part of the snapshot that was interrupted is read again, and what the log tells of that time is told behind it: only
  // what no read has seen must come once and in order.
  let lastRead = 0;
  let split = 0;
  let [lastOffset, lastTransaction]: [number, number | null] = [-1, null];
  await readTopic(dataDir, topic, (value, offset) => {
    const change = JSON.parse(value.toString()) as Change;
    const told = toldBy(change);
    changes.push(told);
    if (told.op === 'r' && !told.isOnDemand) lastRead = Math.max(lastRead, told.version ?? 0);
    const transaction = change.op === 'r' ? null : change.source.txId;
    // Between two records of a partition only the end of a transaction takes an offset.
    if (transaction !== null && transaction === lastTransaction && offset !== lastOffset + 1) split += 1;
    [lastOffset, lastTransaction] = [offset, transaction];
  });
  const seen = new Set<number>();
  const folded = new Map<number, number>();
  const deleted = new Set<number>();
  const examples: string[] = [];
  let [readAgain, onDemand, duplicates, outOfOrder, different] = [0, 0, 0, 0, 0];
  const note = (what: string) => {
    if (examples.length < 10) examples.push(what);
  };
  for (const { op, isOnDemand, id, version } of changes) {
    if (version === null) {
      folded.delete(id);
      // One that was never there was deleted before a later part of the snapshot was read.
      if (deleted.has(id)) {
        duplicates += 1;
        note(`${op} of ${id} twice`);
      }
      deleted.add(id);
      continue;
    }
    const known = folded.get(id);
    if (isOnDemand) {
      onDemand += 1;
      // Never older than what was told, and never of a row that was told to be gone.
      if (deleted.has(id) || (known !== undefined && known > version)) {
        outOfOrder += 1;
        note(`version ${version} of ${id} read on demand behind ${known ?? 'its end'}`);
      }
      folded.set(id, version);
      continue;
    }
    const isStrict = version > lastRead;
    if (seen.has(version) && isStrict) {
      duplicates += 1;
      note(`version ${version} of ${id} twice, the second time by ${op}`);
    } else if (seen.has(version)) readAgain += 1;
    seen.add(version);
    if (isStrict && known !== undefined && known > version) {
      outOfOrder += 1;
      note(`version ${version} of ${id} behind ${known}`);
    }
    folded.set(id, version);
  }
  // What a row was changed to before the snapshot read it need not be told.
  const missing = [...versions].filter((version) => version > lastRead && !seen.has(version));
  for (const version of missing) note(`version ${version} is missing`);
  const table = await server.query('SELECT id, version FROM items');
  for (const row of table) {
    const [id, version] = [Number(row['id']), Number(row['version'])];
    if (folded.get(id) !== version) {
      different += 1;
      note(`row ${id} is ${version}, and ${folded.get(id)} by its changes`);
    }
    folded.delete(id);
  }
  for (const id of folded.keys()) note(`row ${id} is gone, and there by its changes`);
  different += folded.size;
  const counts = { readAgain, onDemand, missing: missing.length, duplicates, outOfOrder, different };
  return { written: versions.size, arrived: changes.length, ...counts, split, examples };
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string', default: '100' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      rows: { type: 'string', default: '50000' },
      version: { type: 'string', default: '18' },
      boundary: { type: 'string', default: 'poll' },
    },
  });
  console.log(`seed ${values.seed}`);
  const report = await runPostgres({
    version: [...postgresVersions, ...morePostgresVersions].find((each) => String(each) === values.version) ?? 18,
    kills: Number(values.kills),
    seed: Number(values.seed),
    rows: Number(values.rows),
    boundary: values.boundary === 'connector' ? 'connector' : 'poll',
    onProgress: (text) => console.log(text),
  });
  console.log(JSON.stringify(report, null, 2));
  const { missing, duplicates, outOfOrder, different } = report;
  const split = values.boundary === 'connector' ? report.split : 0;
  process.exitCode = missing + duplicates + outOfOrder + different + split === 0 ? 0 : 1;
}
