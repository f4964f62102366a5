/** What a pipeline document becomes: ordinary connectors in Kafka Connect's flat form, and the topics between them. */

import type { ConnectorKind } from '../definition.ts';
import type { Place } from './tree.ts';

export interface CompiledPipeline {
  readonly name: string;
  readonly file: string;
  /** Topics to be there before the connectors start. */
  readonly topics: readonly CompiledTopic[];
  /** The topics that the source writes to, or those it stands for, as a person reads them: `shop.SCHEMA.TABLE`. */
  readonly written: readonly string[];
  /** The source first, then the sinks in the order of the file. */
  readonly connectors: readonly CompiledConnector[];
}

export interface CompiledTopic {
  readonly name: string;
  readonly partitions: number;
  /** -1 takes the broker's default. */
  readonly replicationFactor: number;
  /** Topic configs by Kafka's names, plain numbers. */
  readonly config: Readonly<Record<string, string>>;
}

export interface CompiledConnector {
  readonly name: string;
  readonly kind: ConnectorKind;
  /** What a person would post over REST: only what was set, units turned into plain numbers. */
  readonly config: Readonly<Record<string, string>>;
}

/** A pipeline with the places that problems between pipelines need. */
export interface PlacedPipeline extends CompiledPipeline {
  readonly at: Place;
  readonly connectorPlaces: readonly Place[];
  /** Topics the document itself declares, by name. */
  readonly declaredTopics: ReadonlyMap<string, Place>;
}
