/** Which tables are outboxes and how they are routed, out of the connector's settings. */

import { matcherOf } from '../columns/patterns.ts';
import { type OutboxRule, outboxOptions } from './outbox-options.ts';

export const routerType = 'io.debezium.transforms.outbox.EventRouter';

/** The settings about outboxes, each family by its full names. */
export interface OutboxSettings {
  readonly 'outbox.table.include.list'?: readonly string[] | undefined;
  readonly 'outbox.(setting)'?: Readonly<Record<string, string | undefined>>;
  readonly transforms?: readonly string[] | undefined;
  readonly 'transforms.(name).(setting)'?: Readonly<Record<string, string | undefined>>;
}

/** The names of those transformations that are EventRouters. */
export function routers(config: OutboxSettings): string[] {
  const settings = config['transforms.(name).(setting)'] ?? {};
  return (config.transforms ?? []).filter((name) => settings[`transforms.${name}.type`] === routerType);
}

/** null when there are none. Throws `postgres-values/bad-setting`. */
export function outboxRule(config: OutboxSettings): OutboxRule | null {
  const [router] = routers(config);
  const tables = config['outbox.table.include.list'];
  if (tables === undefined && router === undefined) return null;
  const own = behind(config['outbox.(setting)'] ?? {}, 'outbox.');
  const { type: _, ...given } =
    router === undefined ? {} : behind(config['transforms.(name).(setting)'] ?? {}, `transforms.${router}.`);
  const isOutbox = tables === undefined ? () => true : matcherOf(tables, 'outbox.table.include.list');
  return { isOutbox, options: outboxOptions({ ...given, ...own }) };
}

/** The settings that begin so, without it. */
function behind(settings: Readonly<Record<string, string | undefined>>, prefix: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings).flatMap(([key, value]) => {
      return value !== undefined && key.startsWith(prefix) ? [[key.slice(prefix.length), value]] : [];
    }),
  );
}
