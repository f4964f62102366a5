/** What an administrator asks to change of a topic's settings: pure; the new settings, or why not. */

import { configOperations } from '../protocol/apis/configs.ts';
import { kafkaErrors } from '../protocol/kafka-errors.ts';
import type { ConfigChange, Refusal } from './topic-catalogue.ts';
import { splitList, type TopicConfigs, topicConfigSpecs } from './topic-configs.ts';

export interface AskedConfig {
  readonly name: string;
  readonly value: string | null;
}

export interface AskedOperation extends AskedConfig {
  readonly configOperation: number;
}

/** What is wrong with the list itself, whatever the topic has. */
export function askedConfigsProblem(asked: readonly AskedConfig[]): Refusal | undefined {
  const names = new Set(asked.map(({ name }) => name));
  return names.size === asked.length ? undefined : badRequest('a setting is named twice');
}

/** All settings anew: what is not named goes back to its default. */
export function replaceConfigs(asked: readonly AskedConfig[]): ConfigChange {
  return () => {
    const configs: Record<string, string> = {};
    for (const { name, value } of asked) {
      if (value === null) return badRequest(`${name} has no value; leave it out to get its default`);
      configs[name] = value;
    }
    return configs;
  };
}

/** The named settings only. */
export function changeConfigs(asked: readonly AskedOperation[]): ConfigChange {
  return (current) => {
    let configs = current;
    for (const operation of asked) {
      const changed = changeOne(configs, operation);
      if ('errorCode' in changed) return changed as Refusal;
      configs = changed as TopicConfigs;
    }
    return configs;
  };
}

function changeOne(configs: TopicConfigs, { name, value, configOperation }: AskedOperation): TopicConfigs | Refusal {
  if (configOperation === configOperations.delete) {
    const { [name]: _, ...others } = configs;
    return others;
  }
  if (value === null) return badRequest(`${name} has no value`);
  if (configOperation === configOperations.set) return { ...configs, [name]: value };
  const isAppend = configOperation === configOperations.append;
  if (!isAppend && configOperation !== configOperations.subtract) {
    return badRequest(`the operation ${configOperation} on ${name} does not exist`);
  }
  const spec = topicConfigSpecs.find((known) => known.name === name);
  if (spec?.type !== 'list') {
    const message = `${name} is no list, so nothing can be ${isAppend ? 'appended' : 'subtracted'}`;
    return { errorCode: kafkaErrors.INVALID_CONFIG, message };
  }
  const before = splitList(configs[name] ?? spec.defaultValue);
  const items = splitList(value);
  const kept = before.filter((item) => !items.includes(item));
  return { ...configs, [name]: (isAppend ? [...kept, ...items] : kept).join(',') };
}

function badRequest(message: string): Refusal {
  return { errorCode: kafkaErrors.INVALID_REQUEST, message };
}
