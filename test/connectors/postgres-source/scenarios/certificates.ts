/** Certificates for tests, made on the spot: an authority, and what it has signed. */

import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

export interface Certified {
  readonly certificate: string;
  readonly key: string;
}

export interface Authority extends Certified {
  /** `addresses` are numeric, of four bytes. */
  issue(name: string, addresses?: readonly string[]): Certified;
}

export function makeAuthority(name: string): Authority {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certificate = certificateOf({
    subject: name,
    issuer: name,
    of: keys.publicKey,
    by: keys.privateKey,
    isAuthority: true,
  });
  return {
    certificate,
    key: pemOf(keys.privateKey),
    issue(subject, addresses = []) {
      const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const signed = { subject, issuer: name, of: own.publicKey, by: keys.privateKey, isAuthority: false, addresses };
      return { certificate: certificateOf(signed), key: pemOf(own.privateKey) };
    },
  };
}

interface Wish {
  readonly subject: string;
  readonly issuer: string;
  readonly of: KeyObject;
  readonly by: KeyObject;
  readonly isAuthority: boolean;
  readonly addresses?: readonly string[];
}

/** X.509 version 3 in DER (RFC 5280), as little of it as is needed. */
function certificateOf({ subject, issuer, of, by, isAuthority, addresses = [] }: Wish): string {
  const ecdsaWithSha256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));
  const nameOf = (text: string) => sequence(der(0x31, sequence(oid(0x55, 0x04, 0x03), der(0x0c, Buffer.from(text)))));
  const time = (text: string) => der(0x17, Buffer.from(text));
  const extension = (id: Buffer, content: Buffer) => sequence(id, der(0x04, content));
  const extensions = [
    extension(oid(0x55, 0x1d, 0x13), sequence(...(isAuthority ? [der(0x01, Buffer.from([0xff]))] : []))),
    ...addresses.map((address) =>
      extension(oid(0x55, 0x1d, 0x11), sequence(der(0x87, Buffer.from(address.split('.').map(Number))))),
    ),
  ];
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ecdsaWithSha256,
    nameOf(issuer),
    sequence(time('200101000000Z'), time('491231235959Z')),
    nameOf(subject),
    of.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions)),
  );
  const signature = der(0x03, Buffer.concat([Buffer.from([0]), sign('sha256', body, by)]));
  const text = sequence(body, ecdsaWithSha256, signature).toString('base64').replaceAll(/.{64}/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`;
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, ...parts);
}

function oid(...bytes: readonly number[]): Buffer {
  return der(0x06, Buffer.from(bytes));
}
