/**
 * Many processes write, read and transform through a broker that bad things happen to; then every record is accounted for.
 *
 *   node test/crash/checker/run.ts --seed 7 --seconds 60 --faults kill,stop,restart,cut,lose,full,clock
 *   node test/crash/checker/run.ts --broker power --faults power,kill,cut,full,clock
 *   node test/crash/checker/run.ts --broker kafka --faults kill,stop,restart      (Apache Kafka, as the yardstick)
 *
 * `--plain` leaves transactions out, `--history FILE` keeps every operation.
 */

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { BrokerUnderFire } from './brokers/broker-under-fire.ts';
import { startChildBroker } from './brokers/child-broker.ts';
import { startKafkaBroker } from './brokers/kafka-broker.ts';
import { startPowerBroker } from './brokers/power-broker.ts';
import { type FaultKind, faultKinds } from './workload/plan.ts';
import { isClean, runWorkload } from './workload/workload.ts';

const brokers: Readonly<Record<string, () => Promise<BrokerUnderFire>>> = {
  child: startChildBroker,
  power: startPowerBroker,
  kafka: startKafkaBroker,
};

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    seconds: { type: 'string', default: '60' },
    faults: { type: 'string', default: 'kill,stop,restart,cut,lose,full,clock' },
    broker: { type: 'string', default: 'child' },
    plain: { type: 'boolean', default: false },
    history: { type: 'string' },
  },
});
const faults = values.faults.split(',').filter((name) => name !== '');
const unknown = faults.find((name) => !faultKinds.includes(name as FaultKind));
if (unknown !== undefined) throw new Error(`no fault is called ${unknown}: ${faultKinds.join(', ')}`);
console.log(`seed ${values.seed}`);
const broker = await brokers[values.broker]!();
try {
  const report = await runWorkload(broker, {
    seed: Number(values.seed),
    seconds: Number(values.seconds),
    faults: faults as FaultKind[],
    hasTransactions: !values.plain,
    onProgress: (text) => console.log(text),
    onHistory: (history) => {
      if (values.history !== undefined) writeFileSync(values.history, JSON.stringify(history, null, 1));
    },
  });
  console.log(JSON.stringify(report, null, 2));
  process.exitCode = isClean(report) ? 0 : 1;
} finally {
  await broker.close();
}
