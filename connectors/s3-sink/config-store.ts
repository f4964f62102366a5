/** Settings of the S3 sink about the store and the uploads. */

import { field } from '../../config/index.ts';

const mebibyte = 1024 * 1024;

export function storeFields() {
  const group = 'Store';
  return {
    's3.bucket.name': field.string({
      doc: 'The bucket. Needed unless `store.url` is a folder.',
      importance: 'high',
      group,
      example: 'lake',
    }),
    's3.region': field.string({ doc: 'The region of the bucket.', default: 'us-west-2', importance: 'high', group }),
    'store.url': field.string({
      doc: 'The endpoint of a store that is not Amazon’s, such as `https://minio.example:9000`; or `file:/folder` (`file:folder` relative to the working directory) to write files with the same layout, rotation and guarantees.',
      group,
      example: 'http://127.0.0.1:9000',
      check: urlComplaint,
    }),
    's3.path.style.access.enabled': field.boolean({
      doc: 'Put the bucket into the path of the address instead of its host name.',
      default: true,
      importance: 'low',
      group,
    }),
    'aws.access.key.id': field.string({
      doc: 'The access key. Without it the AWS SDK’s own chain counts: environment, profile, web identity, container, instance.',
      group,
    }),
    'aws.secret.access.key': field.secret({ doc: 'The secret of the access key.', group }),
    's3.acl.canned': field.string({
      doc: 'A canned access control list for the objects, such as `bucket-owner-full-control`.',
      importance: 'low',
      group,
    }),
    's3.ssea.name': field.choice(['AES256', 'aws:kms'], {
      doc: 'The encryption the store is asked for; without it the bucket decides.',
      importance: 'low',
      group,
    }),
    's3.sse.kms.key.id': field.string({
      doc: 'The KMS key for `s3.ssea.name: aws:kms`; without it the account’s own.',
      importance: 'low',
      group,
    }),
    'storage.class': field.choice(['s3'], {
      doc: 'There for configurations written for Confluent’s connector; it says S3.',
      default: 's3',
      importance: 'low',
      group,
      also: { 'io.confluent.connect.s3.storage.S3Storage': 's3' },
    }),
    'topics.dir': field.string({
      doc: 'The first folder of every object. One folder belongs to one connector per topic and format.',
      default: 'topics',
      group,
      check: folderComplaint,
    }),
  };
}

export function uploadFields() {
  const group = 'Uploads and memory';
  return {
    's3.part.size': field.bytes({
      doc: 'The size of the parts an object is uploaded in.',
      default: 8 * mebibyte,
      min: 5 * mebibyte,
      max: 1024 * mebibyte,
      group,
    }),
    'memory.budget.bytes': field.bytes({
      doc: 'What all open files and uploads of one task may hold in memory. When it runs short, parts are uploaded early, then the largest files are closed, then the topic is read more slowly.',
      default: 48 * mebibyte,
      min: 16 * mebibyte,
      group,
    }),
    'upload.concurrency': field.int({
      doc: 'The most requests to the store at once; fewer while the store throttles.',
      default: 4,
      min: 1,
      max: 256,
      importance: 'low',
      group,
    }),
    'max.open.files': field.int({
      doc: 'The most files open at once in one task; one more closes the largest.',
      default: 10_000,
      min: 1,
      importance: 'low',
      group,
      aliases: ['partitioner.max.open.files'],
    }),
  };
}

function urlComplaint(url: string) {
  const isKnown = /^(https?:\/\/[^/]|file:.)/.test(url);
  if (isKnown) return undefined;
  return { message: 'this is no address of a store', fix: 'Write http://HOST:PORT, https://HOST or file:/FOLDER.' };
}

function folderComplaint(folder: string) {
  const parts = folder.split('/');
  if (parts.every((part) => part !== '' && part !== '.' && part !== '..')) return undefined;
  return {
    message: 'this is no folder of a bucket',
    fix: 'Write a name such as topics or lake/raw, without a slash at the ends.',
  };
}
