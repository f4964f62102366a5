/** The first file of the cleaner's thread: plain JavaScript, so that it has one name in the sources and in their compiled form. */

import { argv } from 'node:process';
import { parentPort } from 'node:worker_threads';

// Its only argument is the URL of main, whose name differs between the two.
const { serveCleaner } = await import(argv[2]);
if (parentPort !== null) serveCleaner(parentPort);
