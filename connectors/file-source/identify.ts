/** Finds out whose content a file holds: a stored generation's, a copy of one, or a new one. One bounded step per call. */

import { CopyCheck } from './copy-check.ts';
import { fileSourceErrors } from './error-codes.ts';
import { closeFile, factsOf, inodeKey, openForReading, readAt, statPath } from './file-access.ts';
import { digest, fingerprintBytes, markerBytes } from './fingerprint.ts';
import type { Generation } from './generation.ts';
import { GzipBytes, isGzip } from './gzip-bytes.ts';
import { beginsAs, type ChangeReason, judge } from './identity.ts';
import { newGeneration, type Parts } from './parts.ts';
import { PlainBytes } from './plain-bytes.ts';
import type { TrackedFile } from './tracked-file.ts';

/** - `again`: another step is due. - `idle`: nothing to do until the file or the time changes. */
export type Step = 'again' | 'idle';

/** Bytes compared in one step. */
const checkStepBytes = 2 ** 22;

/** A file that grows as another one did for so long is not being copied from it. */
const longestHoldMs = 600_000;

/** How far back the beginning of a line is searched for when a file is read from its end. */
const lineSearchBytes = 2 ** 16;

export class Identifier {
  readonly #parts: Parts;
  /** Changes that were reported; one generation ends once. */
  readonly #ended = new WeakSet<Generation>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The file is open and its facts are fresh. */
  async step(file: TrackedFile): Promise<Step> {
    if (file.check !== undefined) return this.#compare(file, file.check);
    if (file.facts.size === 0) return 'idle';
    const head = await readBytes(file, 0, fingerprintBytes);
    const { config } = this.#parts;
    const isCompressed = config.decompress && config.mode === 'line' && isGzip(head);
    file.compression = isCompressed ? 'gzip' : 'none';
    return isCompressed ? this.#identifyGzip(file) : this.#identifyPlain(file, head);
  }

  /** The generation's content is not in its file any more. */
  reportChange(generation: Generation, reason: ChangeReason, path: string): void {
    if (this.#ended.has(generation)) return;
    this.#ended.add(generation);
    const { gauges, logger } = this.#parts.context;
    gauges.add('generations_changed_total', 1);
    logger.info(
      { path, position: generation.position, reason },
      'the file has new content and is read from its beginning',
    );
  }

  async #identifyPlain(file: TrackedFile, head: Buffer): Promise<Step> {
    const { registry } = this.#parts;
    const { size, bornUs } = file.facts;
    for (const own of registry.orphansOf(file)) {
      if (own.facts.compression !== 'none' || file.rejected.includes(own)) continue;
      const before = own.position <= size ? await bytesBefore(file, own.position) : undefined;
      const expected = { position: own.position, bornUs: own.facts.bornUs, evidence: own.evidence };
      const reason = judge(expected, { size, bornUs, head, before });
      if (reason === undefined) {
        own.verified(head, before!);
        registry.bind(file, own);
        return 'again';
      }
      file.rejected = [...file.rejected, own];
      this.reportChange(own, reason, file.path);
    }
    const copied = await this.#findCopied(file, head);
    if (copied === 'hold') return 'idle';
    if (copied === undefined) return this.#begin(file, head);
    return this.#check(file, copied);
  }

  async #identifyGzip(file: TrackedFile): Promise<Step> {
    if (!this.#parts.gzipSlot.take(file)) return 'idle';
    file.source?.close();
    const source = new GzipBytes(file.fd!, file.path);
    file.source = source;
    const own = this.#parts.registry
      .orphansOf(file)
      .find((each) => each.facts.compression === 'gzip' && !file.rejected.includes(each));
    if (own !== undefined) return this.#check(file, own);
    const window = await source.read(0, fingerprintBytes);
    const head = window.bytes.subarray(window.start, window.start + fingerprintBytes);
    if (head.length === 0 && !window.isFinal) return 'idle';
    const copied = await this.#findCopied(file, head);
    if (copied === 'hold') return 'idle';
    return copied === undefined ? this.#begin(file, head) : this.#check(file, copied);
  }

  /**
   * The generation this unknown file goes on with, as far as a few bytes tell; `hold` when the one it begins as is still
   * there, so that it may be a copy in the making.
   */
  async #findCopied(file: TrackedFile, head: Buffer): Promise<Generation | 'hold' | undefined> {
    const { registry } = this.#parts;
    const candidates = registry.copies.candidates(head).filter((each) => !file.rejected.includes(each));
    for (const candidate of candidates) {
      if (registry.isOrphan(candidate)) {
        if (await this.#mayContain(file, candidate)) return candidate;
        if (this.#isGrowing(file) && isShorter(file, candidate)) return this.#hold(file, candidate);
      } else if (!file.isStray && (await this.#mayBecome(file, candidate))) {
        if (!(await this.#isSettled(file, candidate))) return this.#hold(file, candidate);
        // Whether a compressed file was made from one that is still there only its whole content tells.
        if (file.compression !== 'none' && candidate.facts.compression === 'none') return candidate;
      }
      file.rejected = [...file.rejected, candidate];
    }
    return undefined;
  }

  async #mayContain(file: TrackedFile, candidate: Generation): Promise<boolean> {
    if (file.compression !== 'none') return true;
    if (isShorter(file, candidate)) return false;
    return digest(await bytesBefore(file, candidate.position)) === candidate.evidence.marker;
  }

  /** Whether the file, so far, could be a copy of the candidate that is being made right now. */
  async #mayBecome(file: TrackedFile, candidate: Generation): Promise<boolean> {
    if (file.compression !== 'none' || !isShorter(file, candidate)) return this.#mayContain(file, candidate);
    const original = this.#parts.registry.holderOf(candidate)!;
    if (original.compression !== 'none') return true;
    const { size } = file.facts;
    const bytes = await bytesBefore(file, size);
    if (bytes.equals(await bytesOfOther(original, size - bytes.length, bytes.length))) return true;
    // Truncated a moment ago, before its own turn came, the original proves nothing against the copy.
    return !(await isIntact(original, candidate));
  }

  #hold(file: TrackedFile, candidate: Generation): 'hold' {
    file.phase = 'held';
    file.heldFor = candidate;
    file.holdBeganMs ??= this.#parts.context.clock.monotonicMs();
    return 'hold';
  }

  #isGrowing(file: TrackedFile): boolean {
    return this.#parts.context.clock.monotonicMs() - file.changedAtMs < this.#parts.config['settle.ms'];
  }

  /** A copy is followed by the end of its original; when that stays, the file is one of its own. */
  async #isSettled(file: TrackedFile, candidate: Generation): Promise<boolean> {
    const nowMs = this.#parts.context.clock.monotonicMs();
    const original = this.#parts.registry.holderOf(candidate)!;
    if (file.compression === 'none' && file.facts.size >= original.facts.size) file.heldSinceMs ??= nowMs;
    if (nowMs - (file.holdBeganMs ?? nowMs) >= longestHoldMs) return true;
    const heldMs = file.heldSinceMs === undefined ? 0 : nowMs - file.heldSinceMs;
    if (this.#isGrowing(file) && heldMs < this.#parts.config['settle.ms']) return false;
    const isThere = await isIntact(original, candidate);
    if (!isThere) this.#parts.scanSoon();
    return isThere;
  }

  #check(file: TrackedFile, candidate: Generation): Step {
    file.check = new CopyCheck(candidate);
    file.phase = 'checking';
    return 'again';
  }

  async #compare(file: TrackedFile, check: CopyCheck): Promise<Step> {
    file.source ??= new PlainBytes(file, this.#parts.buffer);
    const wanted = Math.min(check.remainingBytes, checkStepBytes);
    const window = await file.source.read(check.position, wanted);
    const end = Math.min(window.bytes.length, window.start + check.remainingBytes);
    check.feed(window.bytes, window.start, Math.max(window.start, end));
    if (check.remainingBytes > 0 && !window.isEnd) return 'again';
    file.check = undefined;
    file.phase = 'unknown';
    if (check.remainingBytes > 0 && file.compression !== 'none' && !window.isFinal)
      return this.#unfinished(file, check);
    return this.#concludeCheck(file, check);
  }

  #concludeCheck(file: TrackedFile, check: CopyCheck): Step {
    const { registry } = this.#parts;
    const { candidate } = check;
    const reason = check.verdict();
    if (!check.isCurrent) return 'again';
    if (reason !== undefined) {
      file.rejected = [...file.rejected, candidate];
      if (registry.orphansOf(file).includes(candidate)) this.reportChange(candidate, reason, file.path);
      return 'again';
    }
    if (!registry.isOrphan(candidate)) {
      file.isTwin = true;
      this.#hold(file, candidate);
      return 'idle';
    }
    check.confirm();
    const from = candidate.facts.path;
    candidate.facts.compression = file.compression;
    candidate.isComplete = false;
    registry.bind(file, candidate);
    registry.unreported.add(candidate);
    if (from !== file.path) {
      this.#parts.context.logger.info(
        { from, path: file.path, position: candidate.position },
        'reading goes on in a copy of the file',
      );
    }
    return 'again';
  }

  /** The compressed file ends before it can be told; it is looked at again when it has grown. */
  #unfinished(file: TrackedFile, check: CopyCheck): Step {
    this.#hold(file, check.candidate);
    if (!this.#isGrowing(file)) throw unfinishedGzip(file.path);
    return 'idle';
  }

  async #begin(file: TrackedFile, head: Buffer): Promise<Step> {
    if (file.isStray) {
      file.phase = 'ignored';
      return 'idle';
    }
    const generation = newGeneration(file);
    const { startsAt } = file;
    this.#parts.registry.bind(file, generation);
    // The end of a compressed file is found by reading it; nothing of it becomes records.
    if (file.compression !== 'none') file.startsAt = startsAt;
    else if (startsAt !== undefined) await startAtLastLine(file, generation, head, startsAt);
    if (generation.position > 0) this.#parts.registry.unreported.add(generation);
    return 'again';
  }
}

export function unfinishedGzip(path: string): Error {
  return fileSourceErrors.error('bad-gzip', { message: 'the gzip file ends before its content does', where: path });
}

/** Behind the last newline, so that a line being written is not cut in two. */
async function startAtLastLine(
  file: TrackedFile,
  generation: Generation,
  head: Buffer,
  startsAt: number,
): Promise<void> {
  const size = Math.min(startsAt, file.facts.size);
  const from = Math.max(0, size - lineSearchBytes);
  const end = await readBytes(file, from, size - from);
  const newline = end.lastIndexOf(0x0a);
  const position = newline < 0 ? (from === 0 ? 0 : size) : from + newline + 1;
  generation.startAt(position, head, await bytesBefore(file, position));
}

/** Through a descriptor of its own where the file is not open: opening it for long could close the one being looked at. */
async function bytesOfOther(other: TrackedFile, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  if (other.fd !== undefined) return bytes.subarray(0, await readAt(other.fd, bytes, length, position));
  const fd = await openForReading(other.raw).catch(() => undefined);
  if (fd === undefined) return Buffer.alloc(0);
  try {
    return bytes.subarray(0, await readAt(fd, bytes, length, position));
  } finally {
    await closeFile(fd);
  }
}

/** The original is still there under its name and with what was read of it, whatever the last scan or read saw. */
async function isIntact(original: TrackedFile, { position, evidence }: Generation): Promise<boolean> {
  const stats = await statPath(original.raw).catch(() => undefined);
  if (stats === undefined) return false;
  const facts = factsOf(stats);
  if (inodeKey(facts) !== original.key) return false;
  if (original.compression !== 'none') return true;
  if (facts.size < position) return false;
  const length = Math.min(markerBytes, position);
  const before = await bytesOfOther(original, position - length, length);
  return digest(before) === evidence.marker && beginsAs(evidence, await bytesOfOther(original, 0, fingerprintBytes));
}

function isShorter(file: TrackedFile, candidate: Generation): boolean {
  return file.compression === 'none' && file.facts.size < candidate.position;
}

/** The min(64, position) bytes before a position; fewer when the file is shorter. */
function bytesBefore(file: TrackedFile, position: number): Promise<Buffer> {
  const length = Math.min(markerBytes, position);
  return readBytes(file, position - length, length);
}

async function readBytes(file: TrackedFile, position: number, length: number): Promise<Buffer> {
  if (length === 0) return Buffer.alloc(0);
  const bytes = Buffer.allocUnsafe(length);
  return bytes.subarray(0, await readAt(file.fd!, bytes, length, position));
}
