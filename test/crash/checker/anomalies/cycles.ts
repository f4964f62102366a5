/**
 * Cycles of dependencies between operations that took effect. Write cycles (G0): each wrote somewhere before the next one.
 * Information cycles (G1c): each read what the one before wrote.
 */

import type { Anomaly } from '../anomaly.ts';
import type { Evidence } from '../evidence.ts';
import type { Operation } from '../history.ts';
import { stronglyConnected } from './strongly-connected.ts';

type Edges = readonly Set<number>[];
type Nodes = ReadonlyMap<Operation, number>;

/** @param isWriteIsolated transactions write one after the other; Kafka's interleave, and their write cycles are no anomaly */
export function cycles(evidence: Evidence, isWriteIsolated: boolean): Anomaly[] {
  const operations = evidence.history.filter(({ outcome }) => outcome !== 'fail');
  const nodes: Nodes = new Map(operations.map((operation, at) => [operation, at]));
  const information = describe('information-cycle', operations, readEdges(evidence, nodes));
  return isWriteIsolated
    ? [...information, ...describe('write-cycle', operations, writeEdges(evidence, nodes))]
    : information;
}

/** Along each partition, from the writer of each visible record to the writer of the next. */
function writeEdges({ visible, valuesAt, writers }: Evidence, nodes: Nodes): Edges {
  const edges = emptyEdges(nodes.size);
  for (const [partition, offsets] of visible) {
    let before: number | undefined;
    for (const offset of offsets) {
      const [value = ''] = valuesAt.get(partition)?.get(offset) ?? [];
      const node = nodeOf(value, writers, nodes);
      if (node === undefined) continue;
      if (before !== undefined && before !== node) edges[before]!.add(node);
      before = node;
    }
  }
  return edges;
}

function readEdges({ writers }: Evidence, nodes: Nodes): Edges {
  const edges = emptyEdges(nodes.size);
  for (const [operation, node] of nodes) {
    for (const { records } of operation.polls) {
      for (const { value } of records) {
        const from = nodeOf(value, writers, nodes);
        if (from !== undefined && from !== node) edges[from]!.add(node);
      }
    }
  }
  return edges;
}

function nodeOf(value: string, writers: Evidence['writers'], nodes: Nodes): number | undefined {
  const writer = writers.get(value)?.operation;
  return writer === undefined ? undefined : nodes.get(writer);
}

function emptyEdges(count: number): Set<number>[] {
  return Array.from({ length: count }, () => new Set<number>());
}

function describe(
  kind: 'write-cycle' | 'information-cycle',
  operations: readonly Operation[],
  edges: Edges,
): Anomaly[] {
  return stronglyConnected(edges.map((targets) => [...targets])).map((members) => {
    const names = members.map((member) => nameOf(operations[member]!)).sort();
    return { kind, message: `in a circle: ${names.slice(0, 8).join('; ')}` };
  });
}

function nameOf({ process, kind, startedAt, sends }: Operation): string {
  const values = sends.map(({ partition, value }) => `${value} in ${partition}`).join(', ');
  return `${kind} ${startedAt} of ${process} (${values})`;
}
