/** Settings: outbox tables, whose rows are events; under names of their own, and as Debezium's EventRouter is configured. */

import { field } from '../../config/fields/kinds.ts';
import { messageOf } from '../../core/base/errors.ts';
import { patterns } from './config-fields.ts';
import { type OutboxSettings, outboxRule, routers, routerType } from './routing/configured-outbox.ts';

const group = 'Outbox';

export function outboxFields() {
  return {
    'outbox.table.include.list': patterns({
      doc: 'Outbox tables, as `schema.table`: their rows are not changes but events, and go to the topic that `route.by.field` says. With Debezium’s EventRouter all captured tables unless given.',
      group,
      example: 'public\\.outbox',
    }),
    'outbox.(setting)': field.family(
      /^outbox\.(?:table\.(?:field|fields|op|expand)|route)\..+$/,
      field.string({
        doc: 'How an outbox is read and its events are routed: a setting of Debezium’s EventRouter behind `outbox.`, such as `outbox.route.by.field` or `outbox.table.fields.additional.placement`.',
        group,
      }),
    ),
    transforms: field.list({
      doc: 'Names of Debezium’s transformations. The EventRouter is the one there is.',
      importance: 'low',
      group,
    }),
    'transforms.(name).(setting)': field.family(
      /^transforms\.[^.]+\..+$/,
      field.string({
        doc: `The settings of each: \`type\` is ${routerType}, the others are those of the outbox.`,
        importance: 'low',
        group,
      }),
    ),
  };
}

/** Reports transformations that are not there, and outbox settings that cannot be understood. */
export function checkOutbox(
  config: OutboxSettings,
  report: (key: 'transforms' | 'outbox.table.include.list', message: string, fix: string) => void,
): void {
  const { transforms = [] } = config;
  const known = routers(config);
  const strange = transforms.find((name) => !known.includes(name));
  if (strange !== undefined) {
    report(
      'transforms',
      `${strange} is none that is there`,
      `Remove it; transforms.NAME.type can be ${routerType} only.`,
    );
    return;
  }
  if (known.length > 1) {
    report('transforms', 'rows can be routed once only', 'Keep one of them.');
    return;
  }
  try {
    outboxRule(config);
  } catch (error) {
    report('outbox.table.include.list', messageOf(error), 'Correct that setting of the outbox.');
  }
}
