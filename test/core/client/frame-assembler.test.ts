/** Frames come out whole and unchanged however the stream is cut into reads. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameAssembler } from '../../../core/client/frame-assembler.ts';

function framed(frame: Buffer): Buffer {
  const prefix = Buffer.alloc(4);
  prefix.writeInt32BE(frame.length);
  return Buffer.concat([prefix, frame]);
}

function assembler(frames: Buffer[], maxFrameBytes = 1_000_000): FrameAssembler {
  return new FrameAssembler({ maxFrameBytes, where: 'test:1', onFrame: (frame) => void frames.push(frame) });
}

describe('frame assembler', () => {
  test('property: any frames, any reads', () => {
    const frame = fc
      .tuple(fc.oneof(fc.integer({ min: 4, max: 60 }), fc.integer({ min: 10_000, max: 150_000 })), fc.nat(255))
      .map(([length, fill]) => Buffer.alloc(length, fill));
    const reads = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 70_000 })), {
      minLength: 1,
    });
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 8 }), reads, (frames, sizes) => {
        const stream = Buffer.concat(frames.map(framed));
        const received: Buffer[] = [];
        const target = assembler(received);
        for (let position = 0, turn = 0; position < stream.length; turn++) {
          const room = target.room();
          if (room.length === 0) throw new Error('no room');
          const count = Math.min(sizes[turn % sizes.length]!, room.length, stream.length - position);
          stream.copy(room, 0, position, position + count);
          target.filled(count);
          position += count;
        }
        expect(received.length).toBe(frames.length);
        for (const [i, one] of frames.entries()) expect(received[i]!.equals(one)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  test('takes chunks of others, and gives every frame memory of its own', () => {
    const received: Buffer[] = [];
    const target = assembler(received);
    target.push(
      Buffer.concat([framed(Buffer.from('first')), framed(Buffer.from('second')), framed(Buffer.alloc(200_000, 7))]),
    );
    target.push(framed(Buffer.from('third')));
    expect(received.map((frame) => frame.length)).toEqual([5, 6, 200_000, 5]);
    expect(received[0]!.toString()).toBe('first');
    expect(received[3]!.toString()).toBe('third');
  });

  test('receives into memory that was given back, but never into what small frames share', () => {
    const received: Buffer[] = [];
    const target = assembler(received);
    const large = (fill: number) => framed(Buffer.alloc(200_000, fill));
    target.push(Buffer.concat([framed(Buffer.from('small')), large(1)]));
    target.giveBack(received[0]!);
    target.giveBack(received[1]!.subarray(100, 200));
    target.giveBack(received[1]!);
    target.push(Buffer.concat([large(2), large(3), framed(Buffer.from('other'))]));
    expect(received[2]!.buffer).toBe(received[1]!.buffer);
    expect(received[3]!.buffer).not.toBe(received[2]!.buffer);
    expect(received[2]!.equals(Buffer.alloc(200_000, 2))).toBe(true);
    expect(received[0]!.toString()).toBe('small');
  });

  test.each([-1, 0, 3, 1001, 2 ** 31 - 1])('refuses a frame of %d bytes', (length) => {
    const target = assembler([], 1000);
    const prefix = Buffer.alloc(4);
    prefix.writeInt32BE(length);
    expect(() => target.push(prefix)).toThrow(expect.objectContaining({ code: 'client/malformed', where: 'test:1' }));
  });
});
