/** The files of the topic catalogue: one per topic, replaced whole, sealed with a checksum. */

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Disk } from '../base/disk.ts';
import { messageOf } from '../base/errors.ts';
import { brokerErrors } from './error-codes.ts';
import type { TopicConfigs } from './topic-configs.ts';

/** Only a `live` topic exists for clients; the other two are what a crash can leave behind. */
export type TopicState = 'creating' | 'live' | 'deleting';

export interface TopicEntry {
  readonly name: string;
  readonly topicId: string;
  readonly partitionCount: number;
  readonly configs: TopicConfigs;
  readonly state: TopicState;
}

const formatVersion = 1;
const topicSuffix = '.topic.json';

/** Files read at the same time at the start. */
const concurrentReads = 16;

/** Kafka's printed form of a UUID. A leading dash would look like an option on the command line of its tools. */
export function newUuid(): string {
  for (;;) {
    const uuid = randomBytes(16).toString('base64url');
    if (!uuid.startsWith('-')) return uuid;
  }
}

export class CatalogueFiles {
  readonly #disk: Disk;
  readonly #folder: string;

  constructor(disk: Disk, folder: string) {
    this.#disk = disk;
    this.#folder = folder;
  }

  /** Makes the folder at the first start. */
  async open(): Promise<TopicEntry[]> {
    await this.#disk.makeFolder(this.#folder);
    const entries = await this.#disk.list(this.#folder);
    // Anything else is a half-written file of a replacement that a crash cut short; the old content still counts.
    const names = entries.map(({ name }) => name).filter((name) => name.endsWith(topicSuffix));
    const topics = new Array<TopicEntry>(names.length);
    let next = 0;
    const readNext = async () => {
      for (let at = next++; at < names.length; at = next++)
        topics[at] = await this.#readTopic(join(this.#folder, names[at]!));
    };
    await Promise.all(Array.from({ length: concurrentReads }, readNext));
    return topics;
  }

  async write(entry: TopicEntry): Promise<void> {
    await this.#disk.replaceFile(this.#pathOf(entry.topicId), seal(entry));
  }

  async remove(topicId: string): Promise<void> {
    await this.#disk.remove(this.#pathOf(topicId));
    await this.#disk.syncFolder(this.#folder);
  }

  #pathOf(topicId: string): string {
    return join(this.#folder, `${topicId}${topicSuffix}`);
  }

  async #readTopic(path: string): Promise<TopicEntry> {
    const content = (await this.#disk.readFile(path)) ?? Buffer.alloc(0);
    const { name, topicId, partitionCount, configs, state } = unseal(content, path);
    const isWhole =
      typeof name === 'string' &&
      typeof topicId === 'string' &&
      Number.isSafeInteger(partitionCount) &&
      isTextRecord(configs) &&
      (state === 'creating' || state === 'live' || state === 'deleting');
    if (!isWhole) throw damaged(path, 'it does not describe a topic');
    return { name, topicId, partitionCount: Number(partitionCount), configs, state };
  }
}

function isTextRecord(value: unknown): value is Record<string, string> {
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).every((text) => typeof text === 'string');
}

/** One line of JSON and one with its CRC-32 in hexadecimal. */
function seal(content: object): Buffer {
  const line = JSON.stringify({ version: formatVersion, ...content });
  return Buffer.from(`${line}\n${crc32(line).toString(16)}\n`);
}

function unseal(content: Buffer, path: string): Record<string, unknown> {
  const [line = '', checksum = ''] = content.toString().split('\n');
  if (crc32(line).toString(16) !== checksum) throw damaged(path, 'its checksum is wrong');
  const parsed = parse(line, path);
  if (Number(parsed['version']) > formatVersion) {
    throw brokerErrors.error('data-newer', { message: `the file has format ${parsed['version']}`, where: path });
  }
  return parsed;
}

function parse(line: string, path: string): Record<string, unknown> {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch (error) {
    throw damaged(path, messageOf(error));
  }
}

function damaged(path: string, message: string): Error {
  return brokerErrors.error('catalogue-damaged', { message, where: path });
}
