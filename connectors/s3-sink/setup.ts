/** From settings to the parts a task is made of. */

import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SinkTaskContext } from '../contract/sink.ts';
import type { S3SinkConfig } from './config.ts';
import { createCodec } from './files/codec.ts';
import { Memory } from './files/memory.ts';
import { Workshop } from './files/workshop.ts';
import { createFormat } from './formats/format.ts';
import { objectNames } from './object-name.ts';
import type { RotationLimits } from './rotation.ts';
import type { ObjectStore } from './store/store.ts';
import { StoreCalls } from './store/store-calls.ts';

/** How old a file gets unless the settings say something about it. */
const defaultAgeMs = 600_000;

/** Loads the adapter only when it is needed: the AWS SDK is large. */
export async function openStore(config: S3SinkConfig): Promise<ObjectStore> {
  const url = config['store.url'];
  if (url?.startsWith('file:')) {
    const { LocalStore } = await import('./store/local-store.ts');
    return new LocalStore(resolve(folderOf(url), config['s3.bucket.name'] ?? '.'));
  }
  const { S3Store } = await import('./store/s3-store.ts');
  return new S3Store({
    bucket: config['s3.bucket.name']!,
    region: config['s3.region'],
    endpoint: url,
    pathStyle: config['s3.path.style.access.enabled'],
    accessKeyId: config['aws.access.key.id'],
    secretAccessKey: config['aws.secret.access.key'],
    acl: config['s3.acl.canned'],
    encryption: config['s3.ssea.name'],
    kmsKeyId: config['s3.sse.kms.key.id'],
    connections: config['upload.concurrency'] + 8,
  });
}

/** `file:/a`, `file:///a` and, relative to the working directory, `file:a`. */
function folderOf(url: string): string {
  return url.startsWith('file://') ? fileURLToPath(url) : resolve(url.slice('file:'.length));
}

export function openWorkshop(config: S3SinkConfig, context: SinkTaskContext, store: ObjectStore): Workshop {
  const { clock, logger, gauges } = context;
  const codec = createCodec(config['s3.compression.type'], config['s3.compression.level']);
  const format = createFormat(config);
  const concurrency = config['upload.concurrency'];
  return new Workshop({
    memory: new Memory(config['memory.budget.bytes'], config['s3.part.size']),
    codec,
    format,
    calls: new StoreCalls({ store, clock, logger, gauges, concurrency, random: Math.random }),
    names: objectNames(config, context.connector, format.extension + codec.extension),
    limits: limitsOf(config),
    clock,
    logger,
    gauges,
    partBytes: config['s3.part.size'],
    mostOpenFiles: config['max.open.files'],
  });
}

function limitsOf(config: S3SinkConfig): RotationLimits {
  const intervalMs = config['rotate.interval.ms'];
  const hasInterval = intervalMs > 0;
  return {
    records: config['flush.size'] || Number.POSITIVE_INFINITY,
    storedBytes: config['flush.bytes'],
    ageMs: config['max.age.ms'] ?? (hasInterval ? intervalMs : defaultAgeMs),
    eventSpanMs: hasInterval ? intervalMs : Number.POSITIVE_INFINITY,
    graceMs: config['partition.grace.ms'],
  };
}
