/** A connector's definition: one object that is its type, parser, reference, schema and REST description. */

import type { Fields, ValuesOf } from './fields/field.ts';
import { commonFields, sinkFields, sourceFields } from './fields/shared.ts';
import { type ParseOptions, parseSettings } from './parse-settings.ts';
import { hasErrors, invalidConfig, type Problem, problem } from './problem.ts';
import { checkSink, checkSource, checkWithoutTransactions } from './shared-checks.ts';
import { oneTopic, type SourceTopics } from './source-topics.ts';

type Settings = Readonly<Record<string, string>>;

export type ConnectorKind = 'source' | 'sink';

type CommonConfig = ValuesOf<ReturnType<typeof commonFields>>;
type SourceConfig = CommonConfig & ValuesOf<ReturnType<typeof sourceFields>>;
type SinkConfig = CommonConfig & ValuesOf<ReturnType<typeof sinkFields>>;

/** The settings a connector of the kind has without declaring them. */
type SharedConfig<K extends ConnectorKind> = K extends 'source' ? SourceConfig : SinkConfig;

/** What a connector is configured with; where it has a shared setting of its own, its own counts. */
type FullConfig<K extends ConnectorKind, F extends Fields> = Omit<SharedConfig<K>, keyof F> & ValuesOf<F>;

/** Reports a contradiction between settings that are each fine. */
type Report<C> = (key: keyof C & string, message: string, fix: string) => void;

export interface ConnectorSpec<K extends ConnectorKind, F extends Fields> {
  /** What `connector:` and `connector.class` say; lower case. */
  readonly name: string;
  /** Other names it answers to, such as the Java class it stands in for. */
  readonly aliases?: readonly string[];
  readonly kind: K;
  readonly title: string;
  /** What it does, in one or two sentences. */
  readonly summary: string;
  /** What it promises about loss, duplicates and order, in one or two sentences. */
  readonly guarantee: string;
  /** Its own settings; the shared ones come by themselves. */
  readonly fields: F;
  /**
   * Settings of the connector it stands in for that it does not do, each with the reason. A name that ends in `.*`
   * covers everything that starts so.
   */
  readonly unsupported?: Readonly<Record<string, string>>;
  /** For a source: its tasks say where the source's own transactions end, which `transaction.boundary: connector` asks for. */
  readonly definesTransactions?: boolean;
  /** For a source: settings with which it names its topics itself, so that in a pipeline none is implied. */
  readonly topicsNamedBy?: readonly (keyof F & string)[];
  /** For a source that names topics itself: where records go. Without it all go to `topic`. */
  topics?(config: FullConfig<K, F>): SourceTopics;
  /** For a source: its tasks take requests while they run (`SourceTask.signalled`). */
  readonly takesSignals?: boolean;
  /** For a source that takes signals: the topic they come from too, and the key of those for it; undefined for none. */
  signalTopic?(config: FullConfig<K, F>): { readonly topic: string; readonly key: string } | undefined;
  /** For a source: the most bytes of a record it may write, so that its topic is made to take them. */
  largestRecordBytes?(config: FullConfig<K, F>): number;
  /** Rules across settings; called only when each setting alone is fine. */
  check?(config: FullConfig<K, F>, report: Report<FullConfig<K, F>>): void;
}

type ParseResult<C> =
  | { readonly config: C; readonly warnings: readonly Problem[] }
  | { readonly problems: readonly Problem[] };

export interface ConnectorDefinition<C = unknown> {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly kind: ConnectorKind;
  readonly title: string;
  readonly summary: string;
  readonly guarantee: string;
  /** Its own settings first, then the shared ones. */
  readonly fields: Fields;
  readonly unsupported: Readonly<Record<string, string>>;
  /** See `ConnectorSpec`. */
  readonly topicsNamedBy: readonly string[];
  /** Where the records of a source go. */
  topics(config: C): SourceTopics;
  readonly takesSignals: boolean;
  signalTopic(config: C): { readonly topic: string; readonly key: string } | undefined;
  /** undefined when the connector says nothing about it. */
  largestRecordBytes(config: C): number | undefined;
  /** The typed configuration with defaults filled in, or every problem at once. */
  parse(settings: Settings, options?: ParseOptions): ParseResult<C>;
  /** The same for a caller that cannot go on without it; throws `config/invalid` with every problem in its message. */
  require(settings: Settings): C;
}

/** The typed configuration of a definition: `ConfigOf<typeof definition>`. */
export type ConfigOf<D> = D extends ConnectorDefinition<infer C> ? C : never;

export function defineConnector<const K extends ConnectorKind, const F extends Fields>(
  spec: ConnectorSpec<K, F>,
): ConnectorDefinition<FullConfig<K, F>> {
  type Config = FullConfig<K, F>;
  const shared = { ...commonFields(), ...(spec.kind === 'source' ? sourceFields() : sinkFields()) };
  const definition: ConnectorDefinition<Config> = {
    name: spec.name,
    aliases: spec.aliases ?? [],
    kind: spec.kind,
    title: spec.title,
    summary: spec.summary,
    guarantee: spec.guarantee,
    // First for the order of the reference, last for the say over a shared setting.
    fields: { ...spec.fields, ...shared, ...spec.fields },
    unsupported: spec.unsupported ?? {},
    topicsNamedBy: spec.topicsNamedBy ?? [],
    topics: (config) => spec.topics?.(config) ?? oneTopic((config as unknown as SourceConfig).topic),
    takesSignals: spec.takesSignals ?? false,
    signalTopic: (config) => spec.signalTopic?.(config),
    largestRecordBytes: (config) => spec.largestRecordBytes?.(config),
    parse(settings, options = {}) {
      const result = parseSettings(definition, settings, options);
      const config = result.values as Config;
      const problems = [...result.problems, ...checkAcross(spec, config, result.bad)];
      return hasErrors(problems) || result.bad.size > 0 ? { problems } : { config, warnings: problems };
    },
    require(settings) {
      const result = definition.parse(settings);
      if ('config' in result) return result.config;
      throw invalidConfig(settings['name'] ?? spec.name, result.problems);
    },
  };
  return definition;
}

/**
 * The rules across settings, also when some are bad: what a rule says before it looks at a bad one holds, and what it
 * says after that proves nothing.
 */
function checkAcross<K extends ConnectorKind, F extends Fields>(
  spec: ConnectorSpec<K, F>,
  config: FullConfig<K, F>,
  bad: ReadonlySet<string>,
): Problem[] {
  const problems: Problem[] = [];
  const shared = spec.kind === 'sink' ? [checkSink] : [checkSource];
  if (spec.kind === 'source' && spec.definesTransactions !== true) shared.push(checkWithoutTransactions);
  for (const check of [...shared, spec.check]) {
    let isTainted = false;
    const watched = new Proxy(config, {
      get(target, key) {
        isTainted ||= typeof key === 'string' && bad.has(key);
        return Reflect.get(target, key);
      },
    });
    check?.(watched, (key: string, message: string, fix: string) => {
      if (!isTainted && !bad.has(key)) problems.push(problem('conflict', { path: key, message, fix }));
    });
  }
  return problems;
}
