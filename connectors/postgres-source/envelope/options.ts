/** Everything that decides how changes become records, as settings have chosen it. */

import { allColumns, type ColumnRules } from '../columns/column-rules.ts';
import { type KeyRule, noKeyRule } from '../columns/key-columns.ts';
import type { OutboxRule } from '../routing/outbox-options.ts';
import { type TopicNaming, topicNaming } from '../routing/topics.ts';
import { debeziumModes, leanModes, type ValueModes } from '../values/modes.ts';
import type { TypeLookup } from '../values/pg-type.ts';
import type { Operation } from './change.ts';

export interface EnvelopeOptions {
  /** Debezium's envelope, or the same facts in a fraction of the bytes. */
  readonly format: 'debezium' | 'lean';
  readonly modes: ValueModes;
  /** `key.converter.schemas.enable` and `value.converter.schemas.enable`; the lean format has no schemas. */
  readonly keySchemas: boolean;
  readonly valueSchemas: boolean;
  /** `header.converter: json` with `header.converter.schemas.enable`: for headers that hold a key. */
  readonly headerSchemas: boolean;
  /** Of this product, as `source.version`. */
  readonly version: string;
  /** As `source.db`. */
  readonly database: string;
  readonly topics: TopicNaming;
  readonly types: TypeLookup;
  readonly columns: ColumnRules;
  readonly keys: KeyRule;
  /** `tombstones.on.delete` */
  readonly tombstonesOnDelete: boolean;
  /** `skipped.operations` */
  readonly skippedOperations: ReadonlySet<Operation>;
  /** `skip.messages.without.change`: updates whose old row was sent and says the same. */
  readonly skipsUnchanged: boolean;
  /** Unchanged TOAST values are asked of the table as it is now, where the row is still there. */
  readonly reselects: boolean;
  /** What an unchanged TOAST value becomes that nobody has filled in: the placeholder, or no column. */
  readonly unchangedToast: 'placeholder' | 'omit';
  /** What a value becomes that its representation cannot hold. */
  readonly unrepresentable: 'fail' | 'null' | 'string';
  /** `include.schema.changes` */
  readonly schemaChanges: boolean;
  /** Tables whose rows are events to be routed; null for none. */
  readonly outbox: OutboxRule | null;
  /**
   * Told of each such value that did not fail, with its place as `schema.table.column`, and of updates of an outbox with
   * `schema.table`.
   */
  readonly onUnrepresentable: (place: string, reason: string) => void;
}

/** Debezium's defaults, or those of the lean format. */
export function envelopeOptions(
  given: Partial<EnvelopeOptions> & Pick<EnvelopeOptions, 'types' | 'database' | 'version'> & { prefix: string },
): EnvelopeOptions {
  const { prefix, ...rest } = given;
  return {
    format: 'debezium',
    modes: given.format === 'lean' ? leanModes : debeziumModes,
    keySchemas: true,
    valueSchemas: true,
    headerSchemas: false,
    topics: topicNaming(prefix),
    columns: allColumns,
    keys: noKeyRule,
    tombstonesOnDelete: true,
    skippedOperations: new Set(['t']),
    skipsUnchanged: false,
    unchangedToast: given.format === 'lean' ? 'omit' : 'placeholder',
    reselects: false,
    unrepresentable: 'fail',
    schemaChanges: false,
    outbox: null,
    onUnrepresentable: () => {},
    ...rest,
  };
}
