/** The millrace command: reads the command line, runs one verb, turns every failure into one clear message and an exit code. */

import { Command, CommanderError, Option } from 'commander';
import { describeError } from '../core/base/errors.ts';
import { version } from '../workers/version.ts';
import { parseAddress } from './address.ts';
import { exitCodeOf, exitCodes } from './exit-codes.ts';

type Run = () => Promise<number>;

/** Runs one command line to its end and sets the process's exit code. Verbs are loaded when they are called. */
export async function main(args: readonly string[]): Promise<void> {
  process.stdout.on('error', ignoreBrokenPipe);
  process.stderr.on('error', ignoreBrokenPipe);
  let run: Run = async () => exitCodes.ok;
  const program = buildProgram((chosen) => {
    run = chosen;
  });
  try {
    program.parse(args, { from: 'user' });
    process.exitCode = await run();
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.invalidConfiguration;
      return;
    }
    process.stderr.write(`${describeError(error)}\n`);
    process.exitCode = exitCodeOf(error);
  }
}

/** Whoever read the output has gone, as `head` does: what runs goes on without being read. */
function ignoreBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}

const dataDirOption = () => new Option('--data-dir <dir>', 'where topics and state live').default('.millrace');
const listenOption = () =>
  new Option('--listen <host:port>', 'address of the Kafka protocol; port 0 picks a free one').default(
    '127.0.0.1:9092',
  );
const restOption = () =>
  new Option('--rest <host:port>', 'address of the REST interface; port 0 picks a free one').default('127.0.0.1:8083');
const bootstrapOption = () => new Option('--bootstrap <host:port>', 'a broker to talk to').default('127.0.0.1:9092');
const logLevelOption = () =>
  new Option('--log-level <level>', 'what to log').choices(['debug', 'info', 'warn', 'error']).default('info');
const durabilityOption = () =>
  new Option('--durability <mode>', 'when a write counts as written')
    .choices(['strict', 'default', 'os'])
    .default('default');

const exactlyOnceOption = () =>
  new Option(
    '--exactly-once-source-support <mode>',
    'write records and source offsets in one transaction, or one after the other',
  )
    .choices(['enabled', 'disabled'])
    .default('enabled');

function buildProgram(choose: (run: Run) => void): Command {
  const program = new Command('millrace')
    .description('Data integration that starts with one command.')
    .version(version)
    .exitOverride()
    .showHelpAfterError('(run with --help for what there is)');
  addRunVerbs(program, choose);
  addLookVerbs(program, choose);
  for (const command of program.commands) command.exitOverride();
  return program;
}

function addRunVerbs(program: Command, choose: (run: Run) => void): void {
  program
    .command('up')
    .description('run pipelines: broker, worker and REST in one process')
    .argument('[paths...]', 'pipeline files, or folders of them')
    .option('--once', 'process what is there now, drain, print a summary and end', false)
    .addOption(dataDirOption())
    .addOption(listenOption())
    .addOption(restOption())
    .addOption(new Option('--bootstrap-servers <list>', 'use these Kafka brokers instead of the embedded one'))
    .addOption(exactlyOnceOption())
    .addOption(durabilityOption())
    .addOption(logLevelOption())
    .action((paths: string[], options) =>
      choose(async () => {
        const { up } = await import('./up.ts');
        return up({
          ...options,
          paths,
          listen: parseAddress(options.listen, '--listen'),
          rest: parseAddress(options.rest, '--rest'),
        });
      }),
    );
  program
    .command('broker')
    .description('run the broker alone')
    .addOption(dataDirOption())
    .addOption(listenOption())
    .addOption(durabilityOption())
    .addOption(logLevelOption())
    .action((options) =>
      choose(async () => {
        const { broker } = await import('./broker.ts');
        return broker({ ...options, listen: parseAddress(options.listen, '--listen') });
      }),
    );
}

function addLookVerbs(program: Command, choose: (run: Run) => void): void {
  program
    .command('validate')
    .description('check pipeline files without running anything')
    .argument('<paths...>', 'pipeline files, or folders of them')
    .addOption(exactlyOnceOption())
    .option('--json', 'answer in JSON', false)
    .action((paths: string[], options) =>
      choose(async () => (await import('./validate.ts')).validate({ ...options, paths })),
    );
  program
    .command('doctor')
    .description('look at what the connectors of pipeline files will meet, without changing anything')
    .argument('<paths...>', 'pipeline files, or folders of them')
    .option('--json', 'answer in JSON', false)
    .action((paths: string[], options) =>
      choose(async () => (await import('./doctor.ts')).doctor({ ...options, paths })),
    );
  program
    .command('status')
    .description('show connectors and tasks of a running millrace')
    .addOption(restOption())
    .option('--json', 'answer in JSON', false)
    .action((options) =>
      choose(async () =>
        (await import('./status.ts')).status({ ...options, rest: parseAddress(options.rest, '--rest') }),
      ),
    );
  program
    .command('schema')
    .description('print the JSON Schema of pipeline files, for editors')
    .action(() => choose(async () => (await import('./schema.ts')).schema()));
  const topics = program.command('topics').description('look into topics').exitOverride();
  topics
    .command('list')
    .description('topics, their partitions and how many records they hold')
    .addOption(bootstrapOption())
    .option('--internal', 'also those the platform keeps its own state in', false)
    .option('--json', 'answer in JSON', false)
    .action((options) => choose(async () => (await import('./topics.ts')).listTopics(options)))
    .exitOverride();
  topics
    .command('consume')
    .description('print the records of a topic')
    .argument('<topic>')
    .addOption(bootstrapOption())
    .option('--from <offset>', 'beginning, end, or an offset', 'beginning')
    .option('--partition <number>', 'only this partition')
    .option('--max <count>', 'stop after so many records')
    .option('--follow', 'wait for more at the end', false)
    .option('--json', 'one JSON object per record, with key, headers, offset and timestamp', false)
    .action((topic: string, options) =>
      choose(async () => (await import('./topics.ts')).consumeTopic({ ...options, topic })),
    )
    .exitOverride();
}
