/** Versity S3 Gateway as an independent S3 server over plain folders, built once with `go install`. */

import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../free-port.ts';
import { cacheFolder, isInstalled, run, startServer } from './child.ts';

const gatewayVersion = '1.8.0';

export interface S3Server {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** One folder a bucket. */
  readonly dataFolder: string;
  close(): Promise<void>;
  /** Freezes the server with its connections open. */
  pause(): void;
  resume(): void;
}

/** Path-style addresses; the file system under `folder` must have extended attributes. */
export async function startS3Server(folder: string): Promise<S3Server> {
  const program = await gatewayProgram();
  const dataFolder = join(folder, 'data');
  await mkdir(dataFolder, { recursive: true });
  const endpoint = `http://127.0.0.1:${await freePort()}`;
  const accessKeyId = 'test';
  const secretAccessKey = 'testtest';
  const server = await startServer({
    command: program,
    args: ['--port', endpoint.slice('http://'.length), '--health', '/health', '--quiet', 'posix', dataFolder],
    folder,
    env: { ROOT_ACCESS_KEY: accessKeyId, ROOT_SECRET_KEY: secretAccessKey },
    isReady: () =>
      fetch(`${endpoint}/health`).then(
        (answer) => answer.ok,
        () => false,
      ),
  });
  return {
    endpoint,
    region: 'us-east-1',
    accessKeyId,
    secretAccessKey,
    dataFolder,
    close: () => server.stop(),
    pause: () => server.pause(),
    resume: () => server.resume(),
  };
}

async function gatewayProgram(): Promise<string> {
  const folder = cacheFolder(`versitygw-${gatewayVersion}`);
  const program = join(folder, 'versitygw');
  const isBuilt = await access(program).then(
    () => true,
    () => false,
  );
  if (isBuilt) return program;
  if (!(await isInstalled('go'))) throw new Error('Go is missing: install Go 1.25 or newer');
  await mkdir(folder, { recursive: true });
  await run('go', ['install', `github.com/versity/versitygw/cmd/versitygw@v${gatewayVersion}`], {
    env: { ...process.env, GOBIN: folder },
  });
  return program;
}
