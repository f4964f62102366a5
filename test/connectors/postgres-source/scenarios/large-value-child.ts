/** Takes a table with one large value from a database, as snapshot and as change, and prints what that took: run as a process of its own. */

import { connector } from '../../../../connectors/postgres-source/index.ts';
import { SourceDriver } from '../../../kits/source-kit.ts';

const settings = JSON.parse(process.argv[2] ?? '{}') as Record<string, string>;
const [planned = {}] = await connector.plan(settings, 1);
const driver = await SourceDriver.open({
  create: () => connector.createTask(),
  settings: planned,
  keepsRecords: false,
  once: true,
  roomBytes: 1 << 20,
});
let largestBytes = 0;
while (!driver.isFinished) largestBytes = Math.max(largestBytes, (await driver.poll()).largestValueBytes);
await driver.task.close();
process.stdout.write(JSON.stringify({ largestBytes, mostMebibytes: process.resourceUsage().maxRSS / 1024 }));
