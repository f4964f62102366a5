/** What a failure of the server or of the connection means for us: whether trying again helps, and what to do. */

import { MillraceError, messageOf } from '../../../core/base/errors.ts';
import { postgresErrors } from '../error-codes.ts';

/** Fields of a failure, as the driver gives them or as the wire has them. */
interface ServerFailure {
  /** SQLSTATE, or the name of a system error. */
  readonly code?: string | undefined;
  readonly message: string;
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
}

type Kind = 'unreachable' | 'refused' | 'setting' | 'slot-busy' | 'slot-lost' | 'publication';

/** By SQLSTATE (PostgreSQL documentation, appendix "PostgreSQL Error Codes"). */
const kinds: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ['28000', 'refused'], // invalid authorization: no such role, no pg_hba entry, may not log in
  ['28P01', 'refused'], // wrong password
  ['3D000', 'refused'], // no such database
  ['42501', 'refused'], // insufficient privilege
  ['25006', 'refused'], // read only: a standby, or a role that may not write
  ['55006', 'slot-busy'], // object in use
  ['42704', 'slot-lost'], // undefined object: the slot
  ['53400', 'setting'], // configuration limit: all slots or senders are taken
]);

/** Turns what the driver threw, or what the wire said, into one of our errors. */
export function asPostgresError(cause: unknown, where: string): MillraceError {
  if (cause instanceof MillraceError) return cause;
  const failure = failureOf(cause);
  const code = failure.code ?? '';
  const more = [failure.detail, failure.hint].filter((part) => part !== undefined && part !== '');
  const message = [failure.message, ...more].join(' — ');
  const fix = fixFor(code, failure.message);
  return postgresErrors.error(kindOf(code, failure.message), { message, where, cause, ...(fix && { fix }) });
}

function fixFor(code: string, message: string): string | undefined {
  if (code === '53300') return noRoom;
  if (untrusted.test(code)) return noTrust;
  if (/does not support SSL/.test(message)) return 'Switch TLS on at the server (ssl = on), or relax database.sslmode.';
  return /unsupported startup parameter/.test(message) ? noPooler : undefined;
}

const noTrust =
  'Give the certificate authority of the server in database.sslrootcert, and the name that is in its certificate in database.hostname.';
const noPooler = 'Connect to the server itself: a pooler such as PgBouncer does not pass replication on.';

/** Of the server, which may have some again later. */
const noRoom =
  'Raise max_wal_senders, or max_connections if that is what the message names, and restart the server; or end a connection that is not needed.';

/** What the stream says of a publication that was not there when something in the log was written. */
export function publicationIsYounger(message: string, where: string): MillraceError {
  const fix =
    'The log has changes from before the publication was made, which are not told through it: drop the slot (SELECT pg_drop_replication_slot) and start anew with a snapshot (snapshot.mode: when_needed).';
  return postgresErrors.error('publication', { message, where, fix });
}

/** What a question named is not there any more, or of another type: a schema, a table, a column, a value for it. */
const gone = new Set(['3F000', '42P01', '42703', '42883', '22P02', '22007', '22008', '22003']);

/** Whether the server says so. */
export function isGone(error: unknown): boolean {
  const cause = error instanceof MillraceError ? error.cause : error;
  return gone.has(failureOf(cause).code ?? '');
}

/** Whether a lock was not had within `lock_timeout`. */
export function isLockTimeout(error: unknown): boolean {
  const cause = error instanceof MillraceError ? error.cause : error;
  return failureOf(cause).code === '55P03';
}

/** The server's certificate is not one that the settings trust, as Node names it. */
const untrusted =
  /^ERR_TLS_CERT|^CERT_|SELF_SIGNED_CERT|^UNABLE_TO_(GET|VERIFY|DECRYPT)|^(INVALID_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH)$/;

/** Classes of SQLSTATE that say nothing against asking again: connections, rollbacks, resources, locks, shutdowns. */
const transientClasses = ['08', '40', '53', '55', '57', '58'];

/** Whether asking again may help: the connection broke, or the server was not able to answer for now. */
export function isTransient(error: unknown): boolean {
  const cause = error instanceof MillraceError ? error.cause : error;
  if (cause === undefined || cause instanceof TypeError || cause instanceof RangeError) return false;
  const { code = '' } = failureOf(cause);
  const isState = /^(?=.*\d)[0-9A-Z]{5}$/.test(code);
  return !isState || transientClasses.includes(code.slice(0, 2));
}

function kindOf(code: string, message: string): Kind {
  // What the driver says where TLS is required, and what a pooler says that passes neither replication nor settings on.
  if (untrusted.test(code) || /does not support SSL|unsupported startup parameter/.test(message)) return 'refused';
  if (/publication .* does not exist/.test(message)) return 'publication';
  // A slot whose log was removed: "can no longer get changes from replication slot" or "invalidated".
  if (code === '55000' && /replication slot/.test(message)) return 'slot-lost';
  // The log was removed behind the slot's back.
  if (code === '58P01' && /WAL segment .* has already been removed/.test(message)) return 'slot-lost';
  if (code === '55000' || code === '0A000') return 'setting';
  return kinds.get(code) ?? 'unreachable';
}

function failureOf(cause: unknown): ServerFailure {
  if (typeof cause !== 'object' || cause === null) return { message: messageOf(cause) };
  const { code, detail, hint } = cause as { code?: unknown; detail?: unknown; hint?: unknown };
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  return { code: text(code), message: messageOf(cause), detail: text(detail), hint: text(hint) };
}
