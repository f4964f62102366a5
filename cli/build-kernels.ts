/** Compiles the kernels into modules that hold their bytes; with --check only compares, with --in FOLDER works on another copy of core/base/kernels. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const kernels = ['json', 'lines'] as const;
const { values: options } = parseArgs({
  options: {
    check: { type: 'boolean', default: false },
    in: { type: 'string', default: join(import.meta.dirname, '../core/base/kernels') },
  },
});
const folder = resolve(options.in);
const compiler = createRequire(import.meta.url).resolve('assemblyscript/bin/asc.js');

/** Vectors and nothing of a runtime: a kernel allocates nothing, its memory is laid out by its host. */
const flags = ['-O3', '--runtime', 'stub', '--noAssert', '--enable', 'simd', '--initialMemory', '4'];

function compile(name: string): string {
  const into = mkdtempSync(join(tmpdir(), 'millrace-kernel-'));
  try {
    const target = join(into, `${name}.wasm`);
    execFileSync(process.execPath, [compiler, join('assembly', `${name}.ts`), ...flags, '-o', target], { cwd: folder });
    return readFileSync(target).toString('base64');
  } finally {
    rmSync(into, { recursive: true, force: true });
  }
}

function moduleOf(name: string, base64: string): string {
  const lines = base64.match(/.{1,110}/g) ?? [];
  const literal = lines.map((line) => `  '${line}'`).join(' +\n');
  return `/** Compiled from assembly/${name}.ts; change that and run npm run kernels. */\n\nexport const ${name}Kernel =\n${literal};\n`;
}

for (const name of kernels) {
  const file = join(folder, `${name}.wasm.ts`);
  const wanted = moduleOf(name, compile(name));
  if (!options.check) writeFileSync(file, wanted);
  else if (readFileSync(file, 'utf8') !== wanted) {
    process.stderr.write(`${name}.wasm.ts is stale: run npm run kernels\n`);
    process.exitCode = 1;
  }
}
