/** The compiled snappy and lz4 compressors, loaded when one is first used: most processes and threads never do. */

import { createRequire } from 'node:module';

interface CompiledCodecs {
  snappyCompress(input: Uint8Array): Buffer;
  lz4Compress(input: Uint8Array): Buffer;
}

let loaded: CompiledCodecs | undefined;

export function compiledCodecs(): CompiledCodecs {
  loaded ??= load();
  return loaded;
}

function load(): CompiledCodecs {
  const require = createRequire(import.meta.url);
  return require('@platformatic/wasm-utils') as CompiledCodecs;
}
