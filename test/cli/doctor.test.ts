/** `millrace doctor`: what stands against a pipeline is said with what to execute, and by the exit code. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { renderExamined } from '../../cli/findings.ts';
import { startPostgres } from '../kits/postgres-server.ts';
import { millrace, temporaryFolder } from './command.ts';

function pipeline(text: string): string {
  const path = join(temporaryFolder(), 'pipeline.yaml');
  writeFileSync(path, text);
  return path;
}

test('connectors that have nothing to look at are well', async () => {
  const path = pipeline('pipeline: p\nsource: { connector: file, paths: /x/*.log }\n');
  expect(await millrace(['doctor', path])).toMatchObject({
    exitCode: 0,
    stdout: 'p-source\n  there is nothing to look at\n',
    stderr: '',
  });
  const { stdout } = await millrace(['doctor', path, '--json']);
  expect(JSON.parse(stdout)).toEqual({ connectors: [{ connector: 'p-source', findings: [] }] });
});

test('a file that is wrong is reported as by validate', async () => {
  const path = pipeline('pipeline: p\nsource: { connector: file }\n');
  const validated = await millrace(['validate', path]);
  expect(await millrace(['doctor', path])).toMatchObject({ exitCode: 2, stdout: '', stderr: validated.stderr });
});

test('findings are shown with their statements', () => {
  const text = renderExamined([
    {
      connector: 'shop-source',
      findings: [
        {
          subject: 'wal_level',
          state: 'problem',
          message: 'it is replica',
          fix: ["ALTER SYSTEM SET wal_level = 'logical'"],
        },
        { subject: 'slot', state: 'ok', message: 'it is there', fix: [] },
        {
          subject: 'public.t',
          state: 'warning',
          message: 'it has no key',
          fix: ['ALTER TABLE t A', 'ALTER TABLE t B'],
        },
      ],
    },
    { connector: 'well', findings: [{ subject: 'a', state: 'ok', message: 'b', fix: [] }] },
  ]);
  expect(text).toBe(
    [
      'shop-source',
      '  problem  wal_level: it is replica',
      "           ALTER SYSTEM SET wal_level = 'logical';",
      '  ok       slot: it is there',
      '  warning  public.t: it has no key',
      '           ALTER TABLE t A;',
      '           ALTER TABLE t B;',
      '  1 problem, 1 warning',
      '',
      'well',
      '  ok       a: b',
      '  all is well',
    ].join('\n'),
  );
});

test('a database is looked at, and its statements put it right', async () => {
  const server = await startPostgres({ version: 18, settings: { max_slot_wal_keep_size: '1GB' } });
  try {
    await server.query('CREATE TABLE orders (id int)');
    const path = pipeline(
      `pipeline: shop\nsource: { connector: postgres, database.url: "${server.url}", table.include.list: public.orders }\n`,
    );
    const first = await millrace(['doctor', path, '--json']);
    expect(first).toMatchObject({ exitCode: 0, stderr: '' });
    const [{ findings }] = JSON.parse(first.stdout).connectors as [{ findings: { state: string; fix: string[] }[] }];
    const fixes = findings.flatMap(({ fix }) => fix);
    expect(fixes).toEqual(['ALTER TABLE "public"."orders" REPLICA IDENTITY FULL']);
    for (const statement of fixes) await server.query(statement);
    expect((await millrace(['doctor', path])).stdout).toMatch(/\n {2}all is well\n$/);
    await server.process.stop();
    const gone = await millrace(['doctor', path]);
    expect(gone).toMatchObject({ exitCode: 3, stderr: '' });
    expect(gone.stdout).toContain('postgres/unreachable');
    expect(gone.stdout).not.toContain(server.password);
  } finally {
    await server.close();
  }
});
