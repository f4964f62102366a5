/** From `sslmode` and its files to what the driver needs. */

import { readFile } from 'node:fs/promises';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { messageOf } from '../../../core/base/errors.ts';
import type { DatabaseAddress } from '../database-address.ts';
import { postgresErrors } from '../error-codes.ts';

export interface TlsChoice {
  /** Undefined for a connection in the clear. */
  readonly tls: TlsOptions | undefined;
  /** A server that speaks no TLS is talked to in the clear. */
  readonly isOptional: boolean;
}

/** As libpq does: only the two strictest modes prove who the server is. Rejects with `postgres/refused` for a file that cannot be read. */
export async function tlsChoice(address: DatabaseAddress): Promise<TlsChoice> {
  const { sslMode, host } = address;
  if (sslMode === 'disable') return { tls: undefined, isOptional: true };
  const [ca, cert, key] = await Promise.all([
    pem(address.sslRootCertificate),
    pem(address.sslCertificate),
    pem(address.sslKey),
  ]);
  const verifies = sslMode === 'verify-ca' || sslMode === 'verify-full';
  const tls: TlsOptions = {
    host,
    rejectUnauthorized: verifies,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(address.sslPassword === undefined ? {} : { passphrase: address.sslPassword.reveal() }),
    ...(sslMode === 'verify-ca' ? { checkServerIdentity: () => undefined } : {}),
  };
  return { tls, isOptional: sslMode === 'prefer' || sslMode === 'allow' };
}

async function pem(path: string | undefined): Promise<Buffer | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path);
  } catch (error) {
    const fix = 'Correct the path, or the rights of the file.';
    throw postgresErrors.error('refused', { message: messageOf(error), where: path, fix, cause: error });
  }
}
