/** Turns the events of the stream into records, leaves out what was taken before, and knows the position behind each change. */

import { type ChangeFacts, emptyFacts, type RecordTarget, type TableEncoder } from '../envelope/change.ts';
import { MessageRecords, messageCollection } from '../envelope/message-records.ts';
import type { EnvelopeOptions } from '../envelope/options.ts';
import { filledTuple, unsentPositions } from '../envelope/reselect.ts';
import { SchemaChangeRecords } from '../envelope/schema-change-records.ts';
import { TransactionCounter, TransactionRecords } from '../envelope/transaction-records.ts';
import type { ChangeEvents, CommitInfo, LogicalMessage, OldTuple, PrepareInfo } from '../pgoutput/events.ts';
import { type StreamPosition, takenBefore, takenOfPrepared } from '../position.ts';
import type { TableShape, Tuple } from '../row.ts';
import type { ChangeWatch } from './change-watch.ts';
import type { SeenChanges, Tables } from './tables.ts';

export interface ChangeWriterOptions {
  readonly tables: Tables;
  readonly target: RecordTarget;
  readonly seen: SeenChanges;
  readonly watch?: ChangeWatch | undefined;
  readonly envelope: EnvelopeOptions;
  /** Where the stream goes on. */
  readonly position: StreamPosition;
  /** `provide.transaction.metadata` */
  readonly hasTransactionRecords: boolean;
  readonly isMessageCaptured: (prefix: string) => boolean;
  readonly nowUs: () => number;
}

interface HeldUpdate {
  readonly encoder: TableEncoder;
  readonly before: Tuple | null;
  readonly after: Tuple;
  readonly positions: readonly number[];
}

export class ChangeWriter implements ChangeEvents {
  readonly #options: ChangeWriterOptions;
  readonly #facts: ChangeFacts = emptyFacts();
  readonly #messages: MessageRecords;
  readonly #counter: TransactionCounter | undefined;
  readonly #schemaChanges: SchemaChangeRecords | undefined;
  /** The last shape of each table that a record told of, by object id. */
  readonly #toldShapes = new Map<number, TableShape>();
  readonly #transactions: TransactionRecords;
  #position: StreamPosition;
  #commitLsn: bigint | undefined;
  /** Changes of the transaction so far, with those that were taken before. */
  #changes = 0;
  #skipped = 0;
  #lastCommitLsn: bigint | null = null;
  /** An update whose large values are asked for before it is written. */
  #held: HeldUpdate | undefined;
  /** Changes written, over all transactions. */
  changeCount = 0;

  constructor(options: ChangeWriterOptions) {
    this.#options = options;
    this.#position = options.position;
    this.#messages = new MessageRecords(options.envelope);
    this.#transactions = new TransactionRecords(options.envelope);
    this.#schemaChanges = options.envelope.schemaChanges ? new SchemaChangeRecords(options.envelope) : undefined;
    this.#counter = options.hasTransactionRecords ? new TransactionCounter() : undefined;
  }

  /** Everything written so far ends here. */
  get position(): StreamPosition {
    return this.#position;
  }

  /** A transaction is being told. */
  get isInTransaction(): boolean {
    return this.#commitLsn !== undefined;
  }

  /** Every transaction whose commit record lies before it was told. */
  get toldLsn(): bigint {
    const { lsn } = this.#position;
    return this.#commitLsn !== undefined && this.#commitLsn > lsn ? this.#commitLsn : lsn;
  }

  /** `settle` must be called before anything more is told. */
  get isHolding(): boolean {
    return this.#held !== undefined || this.#options.watch?.isWaiting === true;
  }

  /** Writes the update that is held, with what the table has, and does what signals say. Rejects with `postgres/…`. */
  async settle(): Promise<void> {
    if (this.#options.watch?.isWaiting === true) await this.#options.watch.settle();
    const held = this.#held;
    if (held === undefined) return;
    const { encoder, before, after, positions } = held;
    const row = await this.#options.tables.reselect(encoder, after, positions);
    this.#held = undefined;
    this.#encode('u', encoder, before, row);
  }

  /** When the transaction that is being told, or was told last, was committed: microseconds since 1970. */
  get sourceTimeUs(): number {
    return this.#facts.sourceTimeUs;
  }

  begin(commitLsn: bigint, timeUs: number, transactionId: number): void {
    this.#begin(commitLsn, timeUs, transactionId, takenBefore(this.#position, commitLsn));
  }

  beginPrepared({ prepareLsn, timeUs, transactionId }: PrepareInfo): void {
    const taken = takenOfPrepared(this.#position, prepareLsn, this.#options.position.lsn);
    this.#begin(prepareLsn, timeUs, transactionId, taken);
  }

  #begin(commitLsn: bigint, timeUs: number, transactionId: number, taken: number): void {
    this.#commitLsn = commitLsn;
    this.#changes = 0;
    this.#skipped = taken;
    const facts = this.#facts;
    facts.sourceTimeUs = timeUs;
    facts.transactionId = transactionId;
    facts.lastCommitLsn = this.#lastCommitLsn;
    facts.origin = null;
    facts.originLsn = null;
    facts.nowUs = this.#options.nowUs();
    this.#counter?.begin(transactionId, commitLsn);
    this.#options.watch?.begun(transactionId, commitLsn);
  }

  /** The position in the log of what is told next. */
  at(lsn: bigint): void {
    this.#facts.lsn = lsn;
  }

  commit({ endLsn, timeUs }: CommitInfo): void {
    const isOld = this.#skipped === Number.POSITIVE_INFINITY;
    if (!isOld && this.#counter !== undefined && this.#counter.eventCount > 0) {
      this.#transactions.end(this.#options.target, this.#counter, Math.floor(timeUs / 1000));
    }
    this.#commitLsn = undefined;
    this.#lastCommitLsn = endLsn;
    if (endLsn > this.#position.lsn) this.#position = { lsn: endLsn, partial: undefined };
  }

  /**
   * The changes of a prepared transaction were told. One that is told late stays open until `commitPrepared`, which the
   * server sends next: it would send all of it again to whoever has not got past that.
   */
  prepared({ prepareLsn, endLsn, timeUs }: PrepareInfo): void {
    if (prepareLsn >= this.#options.position.lsn) this.commit({ commitLsn: prepareLsn, endLsn, timeUs });
  }

  commitPrepared(info: CommitInfo): void {
    if (this.isInTransaction) this.commit(info);
    else this.passed(info.endLsn);
  }

  /** The record of the log that ends there has nothing to tell. */
  passed(endLsn: bigint): void {
    this.#lastCommitLsn = endLsn;
    this.idle(endLsn);
  }

  /** Nothing that is captured happened up to there; a transaction of which a part was taken may still come. */
  idle(lsn: bigint): void {
    if (lsn > this.#position.lsn) this.#position = { lsn, partial: this.#position.partial };
  }

  insert(shape: TableShape, row: Tuple): void {
    this.#write('c', shape, null, row);
  }

  update(shape: TableShape, old: Tuple | null, _kind: OldTuple | null, row: Tuple): void {
    this.#write('u', shape, old, row);
  }

  delete(shape: TableShape, old: Tuple): void {
    this.#write('d', shape, old, null);
  }

  truncate(shapes: readonly TableShape[]): void {
    for (const shape of shapes) this.#write('t', shape, null, null);
  }

  message({ isTransactional, lsn, prefix, bytes, start, end }: LogicalMessage): void {
    const isCaptured = this.#options.isMessageCaptured(prefix);
    if (isTransactional ? !this.#takes(isCaptured ? messageCollection : undefined) : lsn <= this.#position.lsn) return;
    // One outside of any transaction is told where it ends: whatever commits behind it comes behind it.
    if (!isTransactional) this.idle(lsn);
    if (!isCaptured) return;
    const facts = this.#facts;
    facts.op = 'm';
    facts.lsn = lsn;
    if (!isTransactional) {
      facts.nowUs = this.#options.nowUs();
      facts.transaction = null;
    }
    this.#messages.put(this.#options.target, facts, prefix, bytes, start, end);
    this.changeCount += 1;
  }

  relation(shape: TableShape): void {
    this.#options.tables.announce(shape);
    this.#options.watch?.relation(shape);
  }

  origin(name: string, lsn: bigint): void {
    this.#facts.origin = name;
    this.#facts.originLsn = lsn;
  }

  /** The position behind the change that was told last; called where a poll ends. */
  positionNow(): StreamPosition {
    const commitLsn = this.#commitLsn;
    const isNew =
      commitLsn !== undefined && this.#skipped !== Number.POSITIVE_INFINITY && this.#changes >= this.#skipped;
    if (!isNew || this.#changes === 0) return this.#position;
    const changes = this.#changes - (this.#held === undefined ? 0 : 1);
    return changes === 0 ? this.#position : { lsn: this.#position.lsn, partial: { commitLsn, changes } };
  }

  #write(op: 'c' | 'u' | 'd' | 't', shape: TableShape, before: Tuple | null, after: Tuple | null): void {
    const encoder = this.#options.tables.get(shape);
    const events = this.#counter === undefined || encoder === null ? 0 : encoder.eventCount(op, before, after);
    const isTaken = this.#takes(events === 0 ? undefined : `${shape.schema}.${shape.table}`, events);
    if (!isTaken) return;
    const { seen, watch, envelope } = this.#options;
    const transactionId = this.#facts.transactionId ?? 0;
    if (watch !== undefined && op === 'c' && after !== null) watch.inserted(shape, after);
    if (encoder === null || seen.isSeen(shape.tableOid, transactionId)) return;
    // What makes no record stands for no row.
    if (watch?.tableOid === shape.tableOid && encoder.eventCount(op, before, after) > 0) {
      watch.change(op, shape, before, after, transactionId);
    }
    const { columns } = envelope;
    if ((envelope.reselects || seen.mayLackRow(shape.tableOid)) && op === 'u' && after !== null) {
      const name = (position: number) => `${shape.schema}.${shape.table}.${shape.columns[position]?.name}`;
      const old = shape.replicaIdentity === 'full' ? before : null;
      const positions = unsentPositions(after, old).filter((position) => columns.isIncluded(name(position)));
      if (positions.length > 0) {
        const copy = (tuple: Tuple) => filledTuple(tuple, [], []);
        this.#held = { encoder, before: before === null ? null : copy(before), after: copy(after), positions };
        return;
      }
    }
    this.#encode(op, encoder, before, after);
  }

  #encode(op: 'c' | 'u' | 'd' | 't', encoder: TableEncoder, before: Tuple | null, after: Tuple | null): void {
    if (this.#schemaChanges !== undefined) this.#tellShape(this.#schemaChanges, encoder);
    this.#facts.op = op;
    encoder.encode(this.#facts, before, after, this.#options.target);
    this.changeCount += 1;
  }

  /** In front of the first row of a shape. */
  #tellShape(records: SchemaChangeRecords, { shape, facts }: TableEncoder): void {
    const told = this.#toldShapes.get(shape.tableOid);
    if (told === shape) return;
    this.#toldShapes.set(shape.tableOid, shape);
    records.put(this.#options.target, this.#facts, told ?? null, shape, facts);
  }

  /** Counts a change of the transaction, which belongs to nothing that is captured without a name; false for one that was taken before. */
  #takes(collection: string | undefined, events = 1): boolean {
    this.#changes += 1;
    const facts = this.#facts;
    facts.rowIndex = this.#changes - 1;
    if (this.#counter === undefined) return this.#changes > this.#skipped;
    if (collection !== undefined) facts.transaction = this.#counter.next(collection);
    if (this.#changes <= this.#skipped) {
      // What is written counts its further events by itself.
      if (collection !== undefined && events > 1) facts.transaction?.countAgain();
      return false;
    }
    // With the first change, so that no restart falls between the two.
    if (collection !== undefined && this.#counter.eventCount === 1) {
      this.#transactions.begin(this.#options.target, this.#counter.id, Math.floor(facts.sourceTimeUs / 1000));
    }
    return true;
  }
}
