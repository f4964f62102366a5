/** Settings known from Kafka Connect that no connector does yet: told apart from misspelt ones. */

/** A name that ends in `.*` covers everything that starts so. */
const unsupportedEverywhere: Readonly<Record<string, string>> = {
  transforms: 'transforms are not supported yet',
  'transforms.*': 'transforms are not supported yet',
  predicates: 'predicates are not supported yet',
  'predicates.*': 'predicates are not supported yet',
  'header.converter': 'headers pass as they are; there is no header converter',
  'header.converter.*': 'headers pass as they are; there is no header converter',
  'key.converter.*': 'the converters that are there have no settings',
  'value.converter.*': 'the converters that are there have no settings',
  'topic.creation.*': 'topics are declared in the pipeline, not created by rules',
  'offsets.storage.topic': 'every connector keeps its offsets on the worker’s offset topic',
  'config.action.reload': 'a change of a referenced value is not watched',
  'tasks.max.enforce': 'the limit on tasks always holds',
  'producer.override.*': 'this producer setting cannot be changed',
  'consumer.override.*': 'this consumer setting cannot be changed',
  'admin.override.*': 'admin client settings cannot be changed',
};

/** Why the setting is not supported, or undefined when nothing is known about it. */
export function unsupportedReason(key: string, ofConnector: Readonly<Record<string, string>>): string | undefined {
  return lookUp(ofConnector, key) ?? lookUp(unsupportedEverywhere, key);
}

function lookUp(reasons: Readonly<Record<string, string>>, key: string): string | undefined {
  if (Object.hasOwn(reasons, key)) return reasons[key];
  const family = Object.keys(reasons).find((name) => name.endsWith('.*') && key.startsWith(name.slice(0, -1)));
  return family === undefined ? undefined : reasons[family];
}
