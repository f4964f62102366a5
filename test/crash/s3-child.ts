/** The S3 test server as a process of its own, so that it outlives the killed one and its cost is not counted. */

import { spawn } from 'node:child_process';
import { resolve } from 'node:path';

const program = resolve(import.meta.dirname, '../s3-server/main.ts');

export interface RunningS3 {
  readonly endpoint: string;
  stop(): Promise<void>;
}

export interface S3ChildOptions {
  /** Where the objects are kept. */
  readonly folder: string;
  readonly bucket: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

export function startS3({ folder, bucket, credentials }: S3ChildOptions): Promise<RunningS3> {
  const { accessKeyId, secretAccessKey } = credentials;
  const args = ['--port', '0', '--dir', folder, '--bucket', bucket, '--key', accessKeyId, '--secret', secretAccessKey];
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<void>((settle) => child.on('close', () => settle()));
  return new Promise((settle, reject) => {
    let output = '';
    child.on('error', reject);
    child.on('close', (code) => reject(new Error(`the S3 server ended with ${code}: ${output}`)));
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk;
      const match = /http:\/\/[\d.]+:\d+/.exec(output);
      if (match === null) return;
      settle({
        endpoint: match[0],
        async stop() {
          child.kill('SIGTERM');
          await ended;
        },
      });
    });
  });
}
