/** The task on real servers: what it does at a start, what it refuses, and that restarts neither lose nor repeat a change. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type PostgresServer, postgresVersions, startPostgres } from '../../kits/postgres-server.ts';
import { SourceStore } from '../../kits/source-kit.ts';
import { RunningTask } from './running-task.ts';

describe.each(postgresVersions)('changes of Postgres %i', (version) => {
  let server: PostgresServer;
  const running: RunningTask[] = [];
  let tables = 0;

  const task = (settings: Record<string, string> = {}, store?: SourceStore): RunningTask => {
    const made = new RunningTask(
      server,
      { 'snapshot.mode': 'no_data', 'slot.name': `slot_${tables}`, ...settings },
      store,
    );
    running.push(made);
    return made;
  };
  const newTable = async (columns = 'id int PRIMARY KEY, t text') => {
    tables += 1;
    await server.query(`CREATE TABLE t${tables} (${columns})`);
    return {
      name: `t${tables}`,
      settings: { 'table.include.list': `public\\.t${tables}`, 'publication.name': `pub_${tables}` },
    };
  };

  /** The server has sent everything that was committed before the call. */
  const allSent = async () => {
    const [end] = await server.query('SELECT pg_current_wal_flush_lsn() AS lsn');
    const text = 'SELECT bool_and(sent_lsn >= $1::pg_lsn) AS sent FROM pg_stat_replication';
    while ((await server.query(text, [end?.['lsn']]))[0]?.['sent'] !== 't');
  };

  beforeAll(async () => {
    server = await startPostgres({ version, settings: { wal_sender_timeout: '3s', max_prepared_transactions: '5' } });
  });
  afterEach(async () => {
    for (const one of running.splice(0)) await one.stop();
  });
  afterAll(() => server.close());

  test('come with their transaction, their place in the log and their topic', async () => {
    const { name, settings } = await newTable();
    const own = await task(settings).start();
    await server.query(`INSERT INTO ${name} VALUES (1, 'a'), (2, 'b')`);
    await server.query(`UPDATE ${name} SET t = 'c' WHERE id = 1`);
    await own.until(() => own.rows.length === 3);
    expect(own.rows.map(({ topic, op, after }) => [topic, op, after])).toEqual([
      [`p.public.${name}`, 'c', { id: 1, t: 'a' }],
      [`p.public.${name}`, 'c', { id: 2, t: 'b' }],
      [`p.public.${name}`, 'u', { id: 1, t: 'c' }],
    ]);
    const [first, second, third] = own.rows.map(({ source }) => source!);
    expect(first).toMatchObject({
      db: 'postgres',
      schema: 'public',
      table: name,
      snapshot: 'false',
      connector: 'postgresql',
    });
    expect(first!['txId']).toBe(second!['txId']);
    expect(third!['txId']).not.toBe(first!['txId']);
    expect(Number(third!['lsn'])).toBeGreaterThan(Number(first!['lsn']));
    expect(Math.abs(Number(first!['ts_ms']) - Date.now())).toBeLessThan(60_000);
  });

  test('share one poll when they come while the poll before is being written', async () => {
    const { name, settings } = await newTable();
    const own = await task(settings).start();
    await server.query(`INSERT INTO ${name} VALUES (1, 'a')`);
    await own.until(() => own.rows.length === 1);
    const written = Promise.withResolvers<void>();
    const polling = own.poll(undefined, written.promise);
    await server.query(`INSERT INTO ${name} VALUES (2, 'b')`);
    await server.query(`INSERT INTO ${name} VALUES (3, 'c')`);
    await allSent();
    written.resolve();
    await polling;
    expect(own.rows.map(({ after }) => after?.['id'])).toEqual([1, 2, 3]);
  });

  test('say where transactions end, soon and at every size of a poll', async () => {
    const { name, settings } = await newTable();
    const own = await task(settings).start({ marksTransactions: true });
    const transactions = [1, 40, 1, 2, 300, 1];
    let next = 0;
    for (const size of transactions) {
      await server.query(
        `INSERT INTO ${name} SELECT i, repeat('x', 90) FROM generate_series(${next + 1}, ${next + size}) i`,
      );
      next += size;
    }
    const ends = transactions.map((_, index) => transactions.slice(0, index + 1).reduce((sum, size) => sum + size, 0));
    let mostPolls = 0;
    while (own.rows.length < next) {
      mostPolls = Math.max(mostPolls, await own.pollWhole(4_000));
      expect([0, ...ends]).toContain(own.rows.length);
    }
    expect(mostPolls).toBeGreaterThan(10);
    expect(own.rows.map(({ after }) => after!['id'])).toEqual(Array.from({ length: next }, (_, i) => i + 1));
  });

  test('restarts at any change lose and repeat nothing', async () => {
    const { name, settings } = await newTable();
    const store = new SourceStore();
    const first = await task(settings, store).start();
    await server.query(`INSERT INTO ${name} SELECT i, 'first' FROM generate_series(1, 40) i`);
    for (let id = 41; id <= 60; id += 1) await server.query(`INSERT INTO ${name} VALUES (${id}, 'one by one')`);
    await first.until(() => store.records.length >= 1, 1);
    await first.stop();
    for (let round = 0; store.records.length < 60; round += 1) {
      const next = await task(settings, store).start();
      await next.until(() => store.records.length >= Math.min(60, (round + 1) * 9), 1);
      await next.stop();
    }
    const last = task(settings, store);
    expect(last.rows.map(({ after }) => after?.['id'])).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
  });

  test('the slot moves only with what is stored, and also while only others change', async () => {
    const { name, settings } = await newTable();
    const own = await task(settings).start();
    const before = await own.confirmedLsn(`slot_${tables}`);
    await server.query(`INSERT INTO ${name} VALUES (1, 'a')`);
    await own.until(() => own.rows.length === 1);
    await expect.poll(() => own.confirmedLsn(`slot_${tables}`)).toBeGreaterThan(before);
    const after = await own.confirmedLsn(`slot_${tables}`);
    await server.query('CREATE TABLE IF NOT EXISTS elsewhere (x text)');
    await server.query("INSERT INTO elsewhere SELECT repeat('x', 1000) FROM generate_series(1, 1000)");
    const polling = own.until(() =>
      own.store.history.at(-1)!.positions.some(({ offset }) => Number(offset!['lsn']) > Number(after) + 1_000_000),
    );
    await polling;
    await expect.poll(() => own.confirmedLsn(`slot_${tables}`)).toBeGreaterThan(after + 1_000_000n);
  });

  test('a poll that is not taken for longer than the server waits loses no connection', async () => {
    const { name, settings } = await newTable();
    const own = await task(settings).start();
    const connected = () =>
      server.query(`SELECT active_pid FROM pg_replication_slots WHERE slot_name = 'slot_${tables}'`);
    await expect.poll(async () => (await connected())[0]?.['active_pid']).toBeTruthy();
    const before = await connected();
    const confirmed = await own.confirmedLsn(`slot_${tables}`);
    const heldBytes = process.memoryUsage().arrayBuffers;
    await server.query(`INSERT INTO ${name} SELECT i, repeat('x', 1500) FROM generate_series(1, 30000) i`);
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    expect(await connected()).toEqual(before);
    // 45 MB wait at the server.
    expect(process.memoryUsage().arrayBuffers - heldBytes).toBeLessThan(24 << 20);
    expect(await own.confirmedLsn(`slot_${tables}`)).toBe(confirmed);
    await own.until(() => own.rows.length === 30_000);
    expect(await connected()).toEqual(before);
  });

  test.each([true, false])('prepared transactions come once, over restarts (slot.two.phase: %s)', async (twoPhase) => {
    const { name, settings } = await newTable();
    const store = new SourceStore();
    const own = { ...settings, 'slot.two.phase': String(twoPhase) };
    const ids = (running: RunningTask) => running.rows.map(({ after }) => after?.['id']);
    const run = async (work: string, expected: readonly number[]) => {
      const running = await task(own, store).start();
      await server.query(work);
      await running.until(() => ids(running).includes(expected.at(-1)));
      expect(ids(running)).toEqual(expected);
      await running.stop();
    };
    const client = await server.connect();
    const first = await task(own, store).start();
    await client.query(`BEGIN; INSERT INTO ${name} VALUES (1), (2); PREPARE TRANSACTION 'p'`);
    await client.query(`INSERT INTO ${name} VALUES (3)`);
    await first.until(() => ids(first).includes(3));
    await first.stop();
    const before = twoPhase ? [1, 2, 3] : [3];
    await run(`INSERT INTO ${name} VALUES (4)`, [...before, 4]);
    await client.query("COMMIT PREPARED 'p'");
    await client.end();
    await run(`INSERT INTO ${name} VALUES (5)`, twoPhase ? [1, 2, 3, 4, 5] : [3, 4, 1, 2, 5]);
    const other = task({ ...own, 'slot.two.phase': String(!twoPhase) }, store);
    await other.start();
    expect(other.logger.lines.join()).toContain('slot.two.phase counts for a new one');
  });

  test('tables that are read anew wait for transactions that are prepared and told', async () => {
    const { name, settings } = await newTable();
    const store = new SourceStore();
    await server.query(`INSERT INTO ${name} VALUES (1, 'old')`);
    const own = { ...settings, 'slot.two.phase': 'true', 'snapshot.mode': 'always' };
    const first = await task(own, store).start();
    await first.until(() => first.rows.length === 1);
    const client = await server.connect();
    await client.query(`BEGIN; UPDATE ${name} SET t = 'new'; PREPARE TRANSACTION 'told'`);
    await first.until(() => first.rows.length === 2);
    await first.stop();
    const second = task(own, store);
    const starting = second.start();
    await expect.poll(() => second.logger.lines.join()).toContain('"gid":"told"');
    await client.query("COMMIT PREPARED 'told'");
    await client.end();
    await starting;
    await second.until(() => second.rows.length === 3);
    expect(second.rows.map(({ op, after }) => [op, after?.['t']])).toEqual([
      ['r', 'old'],
      ['u', 'new'],
      ['r', 'new'],
    ]);
  });

  test('a connection that was left behind is ended, one of somebody else is not', async () => {
    const { name, settings } = await newTable();
    const store = new SourceStore();
    const first = await task(settings, store).start();
    await server.query(`INSERT INTO ${name} VALUES (1, 'a')`);
    await first.until(() => store.records.length === 1);
    const second = await task(settings, store).start();
    await server.query(`INSERT INTO ${name} VALUES (2, 'b')`);
    await second.until(() => store.records.length === 2);
    const stranger = task({ ...settings, 'slot.max.retries': '0' });
    await expect(stranger.start()).rejects.toMatchObject({ code: 'postgres/slot-busy', retriable: true });
    await server.query(`INSERT INTO ${name} VALUES (3, 'c')`);
    await second.until(() => store.records.length === 3);
  });

  test('a bounded run ends where the log ended when it began', async () => {
    const { name, settings } = await newTable();
    const store = new SourceStore();
    const first = await task(settings, store).start({ once: true });
    while ((await first.poll()) !== 'finished');
    await first.stop();
    await server.query(`INSERT INTO ${name} SELECT i, 'x' FROM generate_series(1, 5000) i`);
    const second = await task(settings, store).start({ once: true });
    while ((await second.poll(10_000)) !== 'finished');
    expect(second.rows.length).toBe(5000);
  });

  test('a slot that lost changes is noticed before the first change', async () => {
    const { name, settings } = await newTable();
    const reader = () => server.query(`SELECT active_pid FROM pg_replication_slots WHERE slot_name = 'slot_${tables}'`);
    const store = new SourceStore();
    const first = await task(settings, store).start();
    await server.query(`INSERT INTO ${name} VALUES (1, 'a')`);
    await first.until(() => store.records.length === 1);
    await first.stop();
    await expect.poll(async () => (await reader())[0]?.['active_pid']).toBe(null);
    await server.query(`INSERT INTO ${name} VALUES (2, 'lost')`);
    await server.query(`SELECT pg_replication_slot_advance('slot_${tables}', pg_current_wal_lsn())`);
    const lost = { code: 'postgres/slot-lost', retriable: false };
    await expect(task(settings, store).start()).rejects.toMatchObject(lost);
    await server.query(`SELECT pg_drop_replication_slot('slot_${tables}')`);
    await expect(task(settings, store).start()).rejects.toMatchObject(lost);
    const other = new SourceStore();
    other.take({
      records: [],
      positions: store.positions.map(({ partition, offset }) => ({ partition, offset: { ...offset, system: '1' } })),
    } as never);
    await expect(task(settings, other).start()).rejects.toMatchObject({ code: 'postgres/other-server' });
  });

  test('tables first, then what came meanwhile, each row once', async () => {
    const { name, settings } = await newTable();
    await server.query(`INSERT INTO ${name} SELECT i, 'before' FROM generate_series(1, 500) i`);
    const store = new SourceStore();
    const initial = { ...settings, 'snapshot.mode': 'initial' };
    const first = await task(initial, store).start();
    await server.query(`UPDATE ${name} SET t = 'meanwhile' WHERE id = 7`);
    await first.until(() => store.records.length >= 200, 5_000);
    await first.stop();
    const second = await task(initial, store).start();
    await second.until(() => second.rows.some(({ after }) => after?.['t'] === 'meanwhile'));
    await server.query(`DELETE FROM ${name} WHERE id = 8`);
    await second.until(() => second.rows.at(-1)?.op === 'd');
    const folded = new Map<unknown, unknown>();
    for (const { before, after } of second.rows) {
      if (after === null) folded.delete(before?.['id']);
      else folded.set(after?.['id'], after?.['t']);
    }
    expect(folded.size).toBe(499);
    expect(folded.get(7)).toBe('meanwhile');
    expect(second.rows[0]).toMatchObject({ op: 'r', source: { snapshot: 'first' } });
    expect(second.rows.filter(({ op }) => op === 'r').length).toBeGreaterThanOrEqual(500);
    // Once it is complete, a restart reads no table.
    await second.stop();
    const count = store.records.length;
    const third = await task(initial, store).start();
    await server.query(`INSERT INTO ${name} VALUES (1000, 'last')`);
    await third.until(() => store.records.length > count);
    expect(third.rows.at(-1)).toMatchObject({ op: 'c', after: { id: 1000 } });
  });

  test('a slot that was there before is read from where it is, without what the tables told already', async () => {
    const { name, settings } = await newTable();
    await server.query(`CREATE PUBLICATION pub_${tables} FOR TABLE ${name}`);
    await server.query(`SELECT pg_create_logical_replication_slot('slot_${tables}', 'pgoutput')`);
    await server.query(`INSERT INTO ${name} VALUES (1, 'a'), (2, 'b')`);
    const own = await task({ ...settings, 'snapshot.mode': 'initial' }).start();
    await own.until(() => own.rows.length === 2);
    await server.query(`INSERT INTO ${name} VALUES (3, 'c')`);
    await own.until(() => own.rows.length === 3);
    expect(own.rows.map(({ op, after }) => [op, after?.['id']])).toEqual([
      ['r', 1],
      ['r', 2],
      ['c', 3],
    ]);
  });

  test('a snapshot alone, and one anew when changes were lost', async () => {
    const { name, settings } = await newTable();
    await server.query(`INSERT INTO ${name} VALUES (1, 'a'), (2, 'b')`);
    const alone = await task({ ...settings, 'snapshot.mode': 'initial_only' }).start({ once: true });
    while ((await alone.poll()) !== 'finished');
    expect(alone.rows.map(({ op }) => op)).toEqual(['r', 'r']);
    await alone.stop();
    await server.query(`SELECT pg_drop_replication_slot('slot_${tables}')`);
    await server.query(`INSERT INTO ${name} VALUES (3, 'lost')`);
    const again = await task({ ...settings, 'snapshot.mode': 'when_needed' }, alone.store).start();
    await again.until(() => again.rows.length === 5);
    expect(again.rows.slice(2).map(({ op, after }) => [op, after?.['id']])).toEqual([
      ['r', 1],
      ['r', 2],
      ['r', 3],
    ]);
  });

  test('what cannot work is said at once, with what to do', async () => {
    const { settings } = await newTable();
    await server.query("CREATE ROLE plain LOGIN PASSWORD 'p'").catch(() => {});
    const url = (user: string, password: string) => ({
      'database.url': `postgres://${user}:${password}@${server.host}:${server.port}/postgres`,
    });
    await expect(task({ ...settings, ...url('postgres', 'wrong') }).start()).rejects.toMatchObject({
      code: 'postgres/refused',
      retriable: false,
    });
    await expect(task({ ...settings, ...url('plain', 'p') }).start()).rejects.toMatchObject({
      code: 'postgres/refused',
      fix: expect.stringContaining('ALTER ROLE'),
    });
    await expect(task({ ...settings, 'database.dbname': 'nowhere' }).start()).rejects.toMatchObject({
      code: 'postgres/refused',
    });
    const disabled = { ...settings, 'publication.name': 'none', 'publication.autocreate.mode': 'disabled' };
    await expect(task(disabled).start()).rejects.toMatchObject({
      code: 'postgres/publication',
      fix: expect.stringContaining('CREATE PUBLICATION'),
    });
  });
});
