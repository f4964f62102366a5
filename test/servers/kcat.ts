/** kcat (librdkafka) as a second, independent client: found on the path, or installed from Debian when this runs as root. */

import { spawn } from 'node:child_process';
import { isInstalled, run } from './child.ts';

export async function ensureKcat(): Promise<void> {
  if (await isInstalled('kcat')) return;
  if (process.getuid?.() !== 0)
    throw new Error('kcat is missing: install the Debian package kcat, or run this as root');
  await run('apt-get', ['update', '-qq']);
  await run('apt-get', ['install', '-y', '-qq', 'kcat'], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
}

/** Runs kcat to its end with `input` on its standard input; rejects with what it wrote to standard error when it fails. */
export async function kcat(args: readonly string[], input = ''): Promise<string> {
  const child = spawn('kcat', [...args], { stdio: 'pipe' });
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  child.stdin.end(input);
  const killer = setTimeout(() => child.kill('SIGKILL'), 60_000);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  clearTimeout(killer);
  if (code !== 0) throw new Error(`kcat ${args.join(' ')} ended with ${code}: ${errors}`);
  return output;
}
