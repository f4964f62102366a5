/** One error class for the whole product: a registered code, what happened, where, how to fix it, and whether trying again helps. */

/** How a code is declared: once, in the `error-codes.ts` of its layer. */
export interface ErrorSpec {
  /** What the reader should understand by this code, in one sentence. */
  readonly meaning: string;
  /** What to do about it, in one sentence; the default `fix` of every error with this code. */
  readonly fix: string;
  /** True when the same call may succeed later without anybody changing anything. */
  readonly retriable: boolean;
}

export interface ErrorDetails {
  /** What happened, in one sentence without the code. */
  readonly message: string;
  /** The file, key, address, topic-partition or object it happened at. */
  readonly where?: string | undefined;
  /** Replaces the fix registered with the code, where the place of failure knows better. */
  readonly fix?: string | undefined;
  /** Replaces the registered answer, e.g. when a retry budget is spent. */
  readonly retriable?: boolean | undefined;
  readonly cause?: unknown;
}

export class MillraceError extends Error {
  readonly code: string;
  readonly where: string | undefined;
  readonly fix: string;
  readonly retriable: boolean;

  constructor(code: string, spec: ErrorSpec, details: ErrorDetails) {
    super(details.message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'MillraceError';
    this.code = code;
    this.where = details.where;
    this.fix = details.fix ?? spec.fix;
    this.retriable = details.retriable ?? spec.retriable;
  }
}

/** The codes of one layer and the way to raise them. `K` keeps a misspelt code a compile error. */
export interface ErrorCodes<K extends string> {
  readonly area: string;
  readonly specs: Readonly<Record<K, ErrorSpec>>;
  error(code: K, details: ErrorDetails): MillraceError;
  is(error: unknown, code: K): error is MillraceError;
}

const areas = new Map<string, ErrorCodes<string>>();

/**
 * Registers the error codes of one layer; a code is written `area/name` everywhere a person sees it.
 * Throws when the area is taken, so that a code has one meaning only.
 */
export function defineErrors<K extends string>(area: string, specs: Readonly<Record<K, ErrorSpec>>): ErrorCodes<K> {
  invariant(!areas.has(area), `error area ${area} is defined twice`);
  const codes: ErrorCodes<K> = {
    area,
    specs,
    error: (code, details) => new MillraceError(`${area}/${code}`, specs[code], details),
    is: (error, code): error is MillraceError => error instanceof MillraceError && error.code === `${area}/${code}`,
  };
  areas.set(area, codes as ErrorCodes<string>);
  return codes;
}

/** Every area loaded so far; the documentation generator and its test read it. */
export function registeredErrors(): ReadonlyMap<string, ErrorCodes<string>> {
  return areas;
}

/** Stops on a programmer's error: a state that correct code cannot reach, never bad input. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${message}`);
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** One line for people: code, what, where and fix, as far as they are known. */
export function describeError(error: unknown): string {
  if (!(error instanceof MillraceError)) return messageOf(error);
  const place = error.where === undefined ? '' : ` (${error.where})`;
  return `${error.code}: ${error.message}${place}. ${error.fix}`;
}
