/** Connections that break, that are refused, that are encrypted, and that only look alive. */

import { chownSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { startCuttingProxy } from '../../../crash/checker/brokers/cutting-proxy.ts';
import type { RunningTask } from '../running-task.ts';
import { makeAuthority } from './certificates.ts';
import { type Scenario, ScenarioServer } from './scenario-server.ts';

const servers = new ScenarioServer(18, { wal_sender_timeout: '2s' });
const folder = mkdtempSync(join(tmpdir(), 'millrace-connections-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function withTable(): Promise<Scenario> {
  const scenario = await servers.scenario();
  await scenario.run('CREATE TABLE t (id int PRIMARY KEY)');
  return scenario;
}

const idsOf = (task: RunningTask) => task.rows.map(({ after }) => after?.['id']);
const numbers = (count: number) => Array.from({ length: count }, (_, i) => i + 1);
const broken = { code: 'postgres/unreachable', retriable: true };

test('a server that ends connections again and again: each change once', async () => {
  const scenario = await withTable();
  const names = ['walsender', 'client backend'];
  let { store } = scenario.task();
  for (let round = 1; round <= 8; round += 1) {
    const task = await scenario.task({}, store).start();
    ({ store } = task);
    await scenario.run(`INSERT INTO t VALUES (${2 * round - 1})`);
    await task.until(() => task.rows.length >= 2 * round - 1);
    await scenario.run(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'millrace %'
        AND backend_type = '${names[round % 2]}' AND datname = '${scenario.name}'`,
    );
    await scenario.run(`INSERT INTO t VALUES (${2 * round})`);
    // Without its connection for questions, a task goes on until it has one.
    if (round % 2 === 0) await expect(task.until(() => false)).rejects.toMatchObject(broken);
    await task.stop();
  }
  const last = await scenario.task({}, store).start();
  await last.until(() => last.rows.length === 16);
  expect(idsOf(last)).toEqual(numbers(16));
});

test('connections that are cut anywhere, and a server that only looks alive', async () => {
  const scenario = await withTable();
  const proxy = await startCuttingProxy();
  proxy.target = servers.server.port;
  const through = { 'database.port': String(proxy.port) };
  const first = await scenario.task(through).start();
  await scenario.run('INSERT INTO t SELECT i FROM generate_series(1, 300) i');
  const cut = proxy.cutAfter(3_000);
  await expect(first.until(() => first.rows.length === 300)).rejects.toMatchObject(broken);
  await cut;
  await first.stop();
  const second = await scenario.task(through, first.store).start();
  await second.until(() => second.rows.length === 300);
  proxy.isLosingAnswers = true;
  const cutMs = performance.now();
  await expect(second.until(() => false)).rejects.toMatchObject({
    ...broken,
    message: expect.stringContaining('has not answered'),
  });
  await second.stop();
  expect(performance.now() - cutMs).toBeLessThan(25_000);
  proxy.isLosingAnswers = false;
  await scenario.run('INSERT INTO t SELECT i FROM generate_series(301, 310) i');
  // The server takes the connection that was given up for alive.
  const third = await scenario.task(through, second.store).start();
  await third.until(() => third.rows.length === 310);
  expect(idsOf(third)).toEqual(numbers(310));
  await third.stop();
  await proxy.close();
});

test('wal_sender_timeout of none, and of a second: a quiet connection stays', async () => {
  const quiet = ['0', '1s'].map(async (timeout) => {
    const scenario = await withTable();
    const role = `patience_${timeout}`;
    await scenario.run(`CREATE ROLE ${role} SUPERUSER LOGIN PASSWORD 'p'`);
    await scenario.run(`ALTER ROLE ${role} SET wal_sender_timeout = '${timeout}'`);
    const task = await scenario.task({ 'database.user': role, 'database.password': 'p' }).start();
    const text = `SELECT pid, now() - backend_start > '2500 ms' AS is_old FROM pg_stat_replication WHERE usename = '${role}'`;
    const [first] = await scenario.query(text);
    let isOld = false;
    const polling = task.until(() => isOld);
    await expect.poll(async () => (await scenario.query(text))[0]?.['is_old']).toBe('t');
    isOld = true;
    await polling;
    expect((await scenario.query(text))[0]?.['pid']).toBe(first?.['pid']);
    await scenario.run('INSERT INTO t VALUES (1)');
    await task.until(() => task.rows.length === 1);
  });
  await Promise.all(quiet);
});

test('limits that are set for the role end neither a snapshot nor a connection that waits', async () => {
  const scenario = await withTable();
  await scenario.run("CREATE ROLE hurried SUPERUSER LOGIN PASSWORD 'p'");
  const limits = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout'];
  for (const limit of [...limits, 'transaction_timeout', 'idle_session_timeout']) {
    await scenario.run(`ALTER ROLE hurried SET ${limit} = '200ms'`);
  }
  await scenario.run('INSERT INTO t SELECT generate_series(1, 50)');
  const as = { 'database.user': 'hurried', 'database.password': 'p' };
  const task = await scenario.task({ ...as, 'snapshot.mode': 'initial', 'snapshot.delay.ms': '700' }).start();
  await task.until(() => task.rows.length === 50, 500);
  const isOld = async () => {
    const text = `SELECT min(now() - state_change) > '700 ms' AS is_old FROM pg_stat_activity WHERE usename = 'hurried'`;
    return (await scenario.query(text))[0]?.['is_old'];
  };
  await expect.poll(isOld).toBe('t');
  // A table that is not known yet is asked for over the connection that has waited.
  await scenario.run('ALTER TABLE t ADD COLUMN v text', "INSERT INTO t VALUES (51, 'later')");
  await task.until(() => task.rows.length === 51);
  expect(task.rows.at(-1)?.after).toEqual({ id: 51, v: 'later' });
});

test('roles that may not: said at once, and not tried again', async () => {
  const scenario = await withTable();
  await scenario.run("CREATE ROLE sleeper REPLICATION PASSWORD 'p'", "CREATE ROLE plain LOGIN PASSWORD 'p'");
  const as = (user: string, password: string) =>
    scenario.task({ 'database.user': user, 'database.password': password });
  const refused = { code: 'postgres/refused', retriable: false };
  await expect(as('sleeper', 'p').start()).rejects.toMatchObject(refused);
  await expect(as('plain', 'p').start()).rejects.toMatchObject({
    ...refused,
    fix: expect.stringContaining('REPLICATION'),
  });
  await expect(as('postgres', 'wrong').start()).rejects.toMatchObject(refused);
  await expect(as('nobody', 'p').start()).rejects.toMatchObject(refused);
});

test('a pooler in front says that it passes nothing on: the way round it is said', async () => {
  const scenario = await withTable();
  const message = 'SFATAL\0C08P01\0Munsupported startup parameter: replication\0\0';
  const pooler = createServer((socket) => {
    socket.on('error', () => {});
    // To the question for TLS: no. To all others: what PgBouncer says.
    socket.on('data', (bytes) => {
      if (bytes.readInt32BE(0) === 8) return socket.write('N');
      const header = Buffer.alloc(5);
      header.write('E');
      header.writeInt32BE(4 + message.length, 1);
      return socket.end(Buffer.concat([header, Buffer.from(message)]));
    });
  });
  await new Promise<void>((resolve) => pooler.listen(0, '127.0.0.1', resolve));
  const { port } = pooler.address() as { port: number };
  await expect(scenario.task({ 'database.port': String(port) }).start()).rejects.toMatchObject({
    code: 'postgres/refused',
    retriable: false,
    fix: expect.stringContaining('PgBouncer'),
  });
  pooler.close();
});

describe('TLS', () => {
  const authority = makeAuthority('the authority');
  const put = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };

  /** Files of the server belong to its user, and nobody else may read its key. */
  async function switchOn(): Promise<void> {
    const { dataFolder } = servers.server;
    const { uid, gid } = statSync(dataFolder);
    const { certificate, key } = authority.issue('the server', ['127.0.0.1']);
    const files = { 'server.crt': certificate, 'server.key': key, 'root.crt': authority.certificate };
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(join(dataFolder, name), text, { mode: 0o600 });
      chownSync(join(dataFolder, name), uid, gid);
    }
    const rules = join(dataFolder, 'pg_hba.conf');
    const lines = ['hostssl all certified 127.0.0.1/32 cert', 'hostssl replication certified 127.0.0.1/32 cert'];
    writeFileSync(rules, `${lines.join('\n')}\n${readFileSync(rules, 'utf8')}`);
    await servers.server.query("ALTER SYSTEM SET ssl_ca_file = 'root.crt'");
    await servers.server.query('ALTER SYSTEM SET ssl = on');
    await servers.server.query('SELECT pg_reload_conf()');
    await expect.poll(async () => (await servers.server.query('SHOW ssl'))[0]?.['ssl']).toBe('on');
  }

  test('a server without it, certificates that are checked, and one of the client', async () => {
    const scenario = await withTable();
    const refused = { code: 'postgres/refused', retriable: false };
    const root = put('root.pem', authority.certificate);
    const strict = { 'database.sslmode': 'verify-full', 'database.sslrootcert': root };
    await expect(scenario.task(strict).start()).rejects.toMatchObject({
      ...refused,
      fix: expect.stringContaining('ssl = on'),
    });
    await switchOn();
    const task = await scenario.task(strict).start();
    await scenario.run('INSERT INTO t VALUES (1)');
    await task.until(() => task.rows.length === 1);
    const encrypted = await scenario.query(
      `SELECT DISTINCT s.ssl FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE a.application_name LIKE 'millrace %'`,
    );
    expect(encrypted).toEqual([{ ssl: 't' }]);
    await task.stop();

    const untrusted = { ...refused, fix: expect.stringContaining('database.sslrootcert') };
    const other = { ...strict, 'database.sslrootcert': put('other.pem', makeAuthority('another').certificate) };
    await expect(scenario.task(other).start()).rejects.toMatchObject(untrusted);
    const byName = { ...strict, 'database.hostname': 'localhost' };
    await expect(scenario.task(byName).start()).rejects.toMatchObject(untrusted);

    await scenario.run('CREATE ROLE certified SUPERUSER LOGIN');
    const { certificate, key } = authority.issue('certified');
    const certified = { ...strict, 'database.user': 'certified', 'database.password': 'unused' };
    await expect(scenario.task(certified).start()).rejects.toMatchObject(refused);
    const files = { 'database.sslcert': put('client.pem', certificate), 'database.sslkey': put('client.key', key) };
    const proven = await scenario.task({ ...certified, ...files, 'database.sslmode': 'verify-ca' }, task.store).start();
    await scenario.run('INSERT INTO t VALUES (2)');
    await proven.until(() => proven.rows.length === 2);
  });
});
