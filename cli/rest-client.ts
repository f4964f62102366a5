/** Asks a running Millrace over its REST interface. */

import { type Address, formatAddress } from './address.ts';
import { cliErrors } from './error-codes.ts';

const requestTimeoutMs = 10_000;

/** The JSON body of a GET; throws `cli/unreachable` when nobody answers, whatever the status otherwise. */
export async function getJson(rest: Address, path: string): Promise<{ status: number; body: unknown }> {
  const url = `http://${formatAddress(rest)}${path}`;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(requestTimeoutMs) });
    return { status: response.status, body: await response.json() };
  } catch (cause) {
    throw cliErrors.error('unreachable', { message: 'no answer from the REST interface', where: url, cause });
  }
}
