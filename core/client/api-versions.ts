/** Which version of each API a connection uses: the highest that both sides have. Pure. */

import type { AnyApi } from '../protocol/api.ts';
import { clientErrors } from './error-codes.ts';

export interface VersionRange {
  readonly apiKey: number;
  readonly minVersion: number;
  readonly maxVersion: number;
}

export class NegotiatedVersions {
  readonly #ranges = new Map<number, VersionRange>();
  readonly #where: string;

  constructor(ranges: readonly VersionRange[], where: string) {
    for (const range of ranges) this.#ranges.set(range.apiKey, range);
    this.#where = where;
  }

  /** Throws `client/unsupported` when the broker has no version in common with this client. */
  versionFor(api: AnyApi, maxVersion = api.maxVersion): number {
    const range = this.#ranges.get(api.key);
    const highest = Math.min(maxVersion, range?.maxVersion ?? -1);
    if (highest >= Math.max(api.servedFrom, range?.minVersion ?? 0)) return highest;
    const offered = range === undefined ? 'nothing' : `${range.minVersion} to ${range.maxVersion}`;
    throw clientErrors.error('unsupported', {
      message: `The broker offers ${offered} of ${api.name}; versions ${api.servedFrom} to ${maxVersion} are spoken here`,
      where: this.#where,
    });
  }
}
