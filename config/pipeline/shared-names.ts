/** Names that pipelines share with each other must be used once: pipelines, connectors, declarations of topics. */

import { problem } from '../problem.ts';
import type { PlacedPipeline } from './compiled.ts';
import type { FileProblems } from './file-problems.ts';
import type { Place } from './tree.ts';

interface Use {
  readonly kind: 'pipeline' | 'connector' | 'topic';
  readonly name: string;
  readonly at: Place;
}

/** The pipelines without those that use a name an earlier one has; each such use is reported in its own file. */
export function reportSharedNames(
  pipelines: readonly PlacedPipeline[],
  reports: ReadonlyMap<string, FileProblems>,
): PlacedPipeline[] {
  const firstUses = new Map<string, { readonly pipeline: PlacedPipeline; readonly at: Place }>();
  return pipelines.filter((pipeline) => {
    let isUsable = true;
    for (const { kind, name, at } of usesOf(pipeline)) {
      const first = firstUses.get(`${kind} ${name}`);
      if (first === undefined) {
        firstUses.set(`${kind} ${name}`, { pipeline, at });
        continue;
      }
      isUsable = false;
      const place = `${first.pipeline.file}:${first.at.line}`;
      const message =
        kind === 'topic'
          ? `the topic ${name} is declared in ${place} too`
          : `the ${kind} ${name} is there already, in ${place}`;
      const fix = kind === 'topic' ? 'Declare it in one pipeline only.' : fixes[kind];
      reports.get(pipeline.file)!.add(problem('duplicate-name', { path: pathOf(kind, name), message, fix }), at);
    }
    return isUsable;
  });
}

const fixes = {
  pipeline: 'Give one of them another name.',
  connector: 'Give it another name with name:, or rename the pipeline.',
} as const;

function pathOf(kind: Use['kind'], name: string): string {
  if (kind === 'topic') return `topics.${name}`;
  return kind === 'pipeline' ? 'pipeline' : 'name';
}

function usesOf(pipeline: PlacedPipeline): Use[] {
  return [
    { kind: 'pipeline', name: pipeline.name, at: pipeline.at },
    ...pipeline.connectors.map(({ name }, i) => ({
      kind: 'connector' as const,
      name,
      at: pipeline.connectorPlaces[i]!,
    })),
    ...[...pipeline.declaredTopics].map(([name, at]) => ({ kind: 'topic' as const, name, at })),
  ];
}
