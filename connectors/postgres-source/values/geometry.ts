/** Geometric types of PostgreSQL and PostGIS as Debezium's geometry structs. */

import { standardAlphabet, writeBase64OfHex } from './base64.ts';
import { writeQuotedBytes } from './binary.ts';
import { refuse } from './error-codes.ts';
import type { JsonOutput } from './json-output.ts';
import type { WriteValue } from './json-text.ts';

const lineStringType = 2;
const polygonType = 3;
/** Of EWKB: a spatial reference id follows the type. */
const hasSrid = 0x2000_0000;

type Shape = 'box' | 'lseg' | 'path' | 'polygon';

const numberPattern = /[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|Infinity|NaN)/g;

export const writePoint: WriteValue = (out, bytes, start, end) => {
  const numbers = numbersOf(bytes, start, end, 2);
  writePointOf(out, numbers[0]!, numbers[1]!);
};

export const writeCircle: WriteValue = (out, bytes, start, end) => {
  const [x, y, radius] = numbersOf(bytes, start, end, 3);
  out.ascii('{"center":');
  writePointOf(out, x!, y!);
  out.ascii(`,"radius":${doubleText(radius!)}}`);
};

/** `{A,B,C}` of Ax + By + C = 0. */
export const writeLine: WriteValue = (out, bytes, start, end) => {
  const [a, b, c] = numbersOf(bytes, start, end, 3);
  out.ascii(`{"a":${doubleText(a!)},"b":${doubleText(b!)},"c":${doubleText(c!)}}`);
};

/** box, lseg, path and polygon as well-known binary with the name of the type beside it. */
export function shapeWriter(shape: Shape): WriteValue {
  return (out, bytes, start, end) => {
    const numbers = numbersOf(bytes, start, end, shape === 'box' || shape === 'lseg' ? 4 : null);
    if (numbers.length === 0 || numbers.length % 2 !== 0) refuse(`not a ${shape}`);
    const isRing = shape === 'box' || shape === 'polygon';
    const wkb = wellKnown(shape === 'box' ? corners(numbers) : numbers, isRing);
    out.ascii('{"wkb":');
    writeQuotedBytes(out, wkb, 0, wkb.length);
    const closed = shape === 'path' ? `,"closed":"${bytes[start] === 0x28}"` : '';
    out.ascii(`,"srid":null,"extensions":{"type":"${shape}"${closed}}}`);
  };
}

/** PostGIS prints extended well-known binary in hexadecimal digits. */
export function postgisWriter(hasExtensions: boolean): WriteValue {
  return (out, bytes, start, end) => {
    const srid = sridOf(bytes, start, end);
    out.ascii('{"wkb":"');
    writeBase64OfHex(out, bytes, start, end, standardAlphabet);
    out.ascii(`","srid":${srid ?? 'null'}${hasExtensions ? ',"extensions":null' : ''}}`);
  };
}

function sridOf(bytes: Buffer, start: number, end: number): number | null {
  const header = Buffer.from(bytes.toString('latin1', start, Math.min(end, start + 18)), 'hex');
  if (header.length < 5 || header[0]! > 1) refuse('not extended well-known binary');
  const isLittle = header[0] === 1;
  const type = isLittle ? header.readUInt32LE(1) : header.readUInt32BE(1);
  if ((type & hasSrid) === 0) return null;
  if (header.length < 9) refuse('not extended well-known binary');
  return isLittle ? header.readInt32LE(5) : header.readInt32BE(5);
}

function numbersOf(bytes: Buffer, start: number, end: number, count: number | null): number[] {
  const text = bytes.toString('latin1', start, end);
  if (!/^[-+\d.eEInfityNa,()[\]{}<>]+$/.test(text)) refuse('not a geometric value');
  const numbers = (text.match(numberPattern) ?? []).map(Number);
  if (count !== null && numbers.length !== count) refuse('not a geometric value');
  return numbers;
}

/** The ring of the two corners the server prints, the upper right one first. */
function corners(numbers: readonly number[]): number[] {
  const [x1, y1, x2, y2] = numbers as [number, number, number, number];
  return [x1, y1, x1, y2, x2, y2, x2, y1, x1, y1];
}

function wellKnown(numbers: readonly number[], isRing: boolean): Buffer {
  const last = numbers.length - 2;
  const isOpen = isRing && (numbers[0] !== numbers[last] || numbers[1] !== numbers[last + 1]);
  const points = isOpen && numbers.length >= 4 ? [...numbers, numbers[0]!, numbers[1]!] : numbers;
  const wkb = Buffer.alloc((isRing ? 13 : 9) + points.length * 8);
  let at = wkb.writeUInt8(1, 0);
  at = wkb.writeUInt32LE(isRing ? polygonType : lineStringType, at);
  if (isRing) at = wkb.writeUInt32LE(1, at);
  at = wkb.writeUInt32LE(points.length / 2, at);
  for (const number of points) at = wkb.writeDoubleLE(number, at);
  return wkb;
}

function writePointOf(out: JsonOutput, x: number, y: number): void {
  const wkb = Buffer.alloc(21);
  wkb.writeUInt8(1, 0);
  wkb.writeUInt32LE(1, 1);
  wkb.writeDoubleLE(x, 5);
  wkb.writeDoubleLE(y, 13);
  out.ascii(`{"x":${doubleText(x)},"y":${doubleText(y)},"wkb":`);
  writeQuotedBytes(out, wkb, 0, wkb.length);
  out.ascii(',"srid":null}');
}

/** A double that looks like one; what is no number in quotes. */
function doubleText(value: number): string {
  if (!Number.isFinite(value)) return `"${value}"`;
  const text = Object.is(value, -0) ? '-0' : String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}
