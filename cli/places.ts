/** Says where a pipeline's data goes, in words a person can act on. */

import { resolve } from 'node:path';
import type { CompiledPipeline } from '../config/index.ts';

export interface PipelinePlaces {
  readonly pipeline: string;
  readonly topics: readonly string[];
  /** Folders as absolute paths, buckets as `s3://bucket/prefix`. */
  readonly targets: readonly string[];
}

export function placesOf({ name, topics, written, connectors }: CompiledPipeline): PipelinePlaces {
  const targets = connectors.flatMap(({ config }) => {
    const store = config['store.url'];
    const prefix = config['topics.dir'] ?? 'topics';
    if (store?.startsWith('file:')) return [resolve(store.slice('file:'.length).replace(/^\/\/(?=\/)/, ''), prefix)];
    const bucket = config['s3.bucket.name'];
    return bucket === undefined ? [] : [`s3://${bucket}/${prefix}${store === undefined ? '' : ` at ${store}`}`];
  });
  const read = connectors.flatMap(({ config }) => config['topics']?.split(',') ?? []);
  const named = new Set([...topics.map((topic) => topic.name), ...written, ...read.map((topic) => topic.trim())]);
  return { pipeline: name, topics: [...named], targets };
}
