/** An error answer of S3: its code and status. */

export class S3Error extends Error {
  readonly code: string;
  readonly status: number;

  constructor(status: number, code: string, message: string = code) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export const errors = {
  noSuchKey: () => new S3Error(404, 'NoSuchKey', 'The specified key does not exist.'),
  noSuchBucket: () => new S3Error(404, 'NoSuchBucket', 'The specified bucket does not exist'),
  noSuchUpload: () => new S3Error(404, 'NoSuchUpload', 'The specified multipart upload does not exist.'),
  precondition: () =>
    new S3Error(412, 'PreconditionFailed', 'At least one of the pre-conditions you specified did not hold'),
  badDigest: (what: string) =>
    new S3Error(400, 'BadDigest', `The ${what} you specified did not match what we received.`),
  denied: (why: string) => new S3Error(403, 'AccessDenied', why),
  notImplemented: (what: string) => new S3Error(501, 'NotImplemented', what),
} as const;
