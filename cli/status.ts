/** `millrace status`: connectors and tasks of a running Millrace, worst first, with the reason of every failure. */

import { type Address, formatAddress } from './address.ts';
import { cliErrors } from './error-codes.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { getJson } from './rest-client.ts';
import { renderTable } from './table.ts';

export interface StatusOptions {
  readonly rest: Address;
  readonly json: boolean;
}

interface Part {
  readonly state: string;
  readonly worker_id: string;
  readonly trace?: string;
}

/** One connector as `GET /connectors?expand=status` shows it. */
export interface ConnectorStatus {
  readonly name: string;
  readonly type: string;
  readonly connector: Part;
  readonly tasks: readonly (Part & { readonly id: number })[];
  /** While tables are read as a whole. */
  readonly snapshot?: {
    readonly tables: number;
    readonly tables_done: number;
    readonly rows: number;
    readonly rows_estimated?: number;
    readonly remaining_seconds?: number;
  };
}

/** FAILED when the connector itself is, DEGRADED when it runs but a task of it does not, else its own state. */
export function overallState({ connector, tasks }: ConnectorStatus): string {
  if (connector.state !== 'RUNNING') return connector.state;
  return tasks.some((task) => task.state === 'FAILED') ? 'DEGRADED' : connector.state;
}

const severity = ['FAILED', 'DEGRADED', 'RESTARTING', 'UNASSIGNED', 'STOPPED', 'PAUSED', 'RUNNING'];

/** Exit code 1 when anything is failed or degraded, so that a script can ask. */
export async function status({ rest, json }: StatusOptions): Promise<ExitCode> {
  const answer = await getJson(rest, '/connectors?expand=status');
  if (answer.status !== 200) {
    throw cliErrors.error('unreachable', {
      message: `the REST interface answered ${answer.status}`,
      where: formatAddress(rest),
    });
  }
  const body = answer.body as Record<string, { status?: ConnectorStatus }>;
  const connectors = Object.values(body).flatMap((entry) => (entry.status === undefined ? [] : [entry.status]));
  connectors.sort(
    (a, b) => severity.indexOf(overallState(a)) - severity.indexOf(overallState(b)) || a.name.localeCompare(b.name),
  );
  if (json) {
    const shown = connectors.map((connector) => ({ ...connector, state: overallState(connector) }));
    process.stdout.write(`${JSON.stringify(shown, null, 2)}\n`);
  } else {
    process.stdout.write(`${renderStatus(connectors)}\n`);
  }
  const isHealthy = connectors.every((connector) => !['FAILED', 'DEGRADED'].includes(overallState(connector)));
  return isHealthy ? exitCodes.ok : exitCodes.runtime;
}

export function renderStatus(connectors: readonly ConnectorStatus[]): string {
  if (connectors.length === 0) return 'no connectors';
  const rows = connectors.map((connector) => [
    connector.name,
    connector.type,
    overallState(connector),
    `${connector.tasks.filter((task) => task.state === 'RUNNING').length}/${connector.tasks.length} running`,
  ]);
  const reasons = connectors.flatMap(({ name, connector, tasks }) =>
    [{ label: name, ...connector }, ...tasks.map((task) => ({ label: `${name} task ${task.id}`, ...task }))]
      .filter((part) => part.trace !== undefined)
      .map((part) => `\n${part.label} ${part.state}\n  ${part.trace?.trim().replaceAll('\n', '\n  ')}`),
  );
  const reading = connectors.flatMap(({ name, snapshot }) => {
    if (snapshot === undefined) return [];
    const { tables, tables_done: done, rows, rows_estimated: all, remaining_seconds: seconds } = snapshot;
    const of = all === undefined ? `${rows} rows` : `${rows} of about ${all} rows`;
    const left = seconds === undefined ? '' : `, ${seconds} s left`;
    return [`\n${name} reads tables: ${done} of ${tables}, ${of}${left}`];
  });
  return [renderTable(['CONNECTOR', 'TYPE', 'STATE', 'TASKS'], rows), ...reading, ...reasons].join('\n');
}
