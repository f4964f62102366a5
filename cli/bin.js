#!/usr/bin/env node
/** The door of the `millrace` command: refuses a runtime that is too old in plain words, then starts the program. */

import { existsSync } from 'node:fs';
// As a whole: a runtime that is too old lacks some of its names, and must get far enough to be told so.
import module from 'node:module';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 22)) {
  process.stderr.write(
    `millrace needs Node.js 22.22 or newer, this is ${process.versions.node}. ` +
      'In a checkout run it as "npm run -s millrace -- …", which brings its own.\n',
  );
  process.exit(3);
}
module.enableCompileCache?.();

// A checkout runs the TypeScript as it is, whatever was once compiled there; a package holds only the compiled form,
// because Node does not strip types below node_modules.
const source = new URL('./main.ts', import.meta.url);
const program = existsSync(source) ? source : new URL('../dist/cli/main.js', import.meta.url);
const { main } = await import(program.href);
await main(process.argv.slice(2));
