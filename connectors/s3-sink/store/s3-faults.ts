/** Turns what the AWS SDK throws into the codes of the sink; pure. */

import { type MillraceError, messageOf } from '../../../core/base/errors.ts';
import { s3Errors } from '../error-codes.ts';

interface SdkFault {
  readonly name?: string;
  readonly code?: string;
  readonly Code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number | undefined };
}

const throttling = new Set([
  'SlowDown',
  'ServiceUnavailable',
  'TooManyRequests',
  'TooManyRequestsException',
  'RequestLimitExceeded',
  'Throttling',
  'ThrottlingException',
  'BandwidthLimitExceeded',
]);

/** Answers with a status below 500 that pass by themselves. */
const passing = new Set([
  'RequestTimeout',
  'RequestTimeTooSkewed',
  'IncompleteBody',
  'BadDigest',
  'XAmzContentChecksumMismatch',
  'OperationAborted',
  'ConditionalRequestConflict',
  'TimeoutError',
]);

const denials = new Set([
  'AccessDenied',
  'AllAccessDisabled',
  'CredentialsProviderError',
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidAccessKeyId',
  'InvalidToken',
  'SignatureDoesNotMatch',
]);

const wrongBuckets = new Set([
  'NoSuchBucket',
  'PermanentRedirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
]);

/** The HTTP status of the answer, or undefined when there was none. */
export function statusOf(error: unknown): number | undefined {
  return (error as SdkFault | undefined)?.$metadata?.httpStatusCode;
}

/** The store's own name for the fault, or the operating system's. */
export function faultName(error: unknown): string {
  const fault = error as SdkFault | undefined;
  return fault?.Code ?? (fault?.name === 'Error' ? fault.code : fault?.name) ?? 'Error';
}

/** What cannot be understood counts as passing: it is repeated, slowly and loudly, rather than ending the task. */
export function toFault(error: unknown, where: string): MillraceError {
  const status = statusOf(error);
  const name = faultName(error);
  const details = { message: `${name}: ${messageOf(error)}`, where, cause: error };
  if (throttling.has(name) || status === 503 || status === 429) return s3Errors.error('throttled', details);
  if (wrongBuckets.has(name) || status === 301) return s3Errors.error('bucket-missing', details);
  if (denials.has(name) || (status === 403 && !passing.has(name)) || status === 401)
    return s3Errors.error('denied', details);
  if (passing.has(name) || status === undefined || status < 400 || status >= 500)
    return s3Errors.error('unavailable', details);
  return s3Errors.error('refused', details);
}
