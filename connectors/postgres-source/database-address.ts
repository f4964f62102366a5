/** Where to connect and how: one address and the settings beside it become one description. Pure. */

import { Secret } from '../../config/fields/secret.ts';

export const sslModes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
type SslMode = (typeof sslModes)[number];

export interface DatabaseAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** undefined when there is none to give. */
  readonly password: Secret | undefined;
  readonly database: string;
  readonly sslMode: SslMode;
  /** Paths of PEM files. */
  readonly sslRootCertificate: string | undefined;
  readonly sslCertificate: string | undefined;
  readonly sslKey: string | undefined;
  readonly sslPassword: Secret | undefined;
}

/** The settings it is made of. */
export interface AddressSettings {
  readonly 'database.url': Secret | undefined;
  readonly 'database.hostname': string | undefined;
  readonly 'database.port': number | undefined;
  readonly 'database.user': string | undefined;
  readonly 'database.password': Secret | undefined;
  readonly 'database.dbname': string | undefined;
  readonly 'database.sslmode': SslMode | undefined;
  readonly 'database.sslrootcert': string | undefined;
  readonly 'database.sslcert': string | undefined;
  readonly 'database.sslkey': string | undefined;
  readonly 'database.sslpassword': Secret | undefined;
}

const defaultPort = 5432;
const parameters: ReadonlySet<string> = new Set(['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'sslpassword']);

/** What a setting beside the address says counts more. Complete only where `missingParts` finds nothing. */
export function addressOf(settings: AddressSettings): DatabaseAddress {
  const url = readUrl(settings['database.url']?.reveal());
  const user = settings['database.user'] ?? url.user ?? '';
  return {
    host: settings['database.hostname'] ?? url.host ?? '',
    port: settings['database.port'] ?? url.port ?? defaultPort,
    user,
    password: settings['database.password'] ?? url.password,
    database: settings['database.dbname'] ?? url.database ?? user,
    sslMode: settings['database.sslmode'] ?? url.sslMode ?? 'prefer',
    sslRootCertificate: settings['database.sslrootcert'] ?? url.parameter('sslrootcert'),
    sslCertificate: settings['database.sslcert'] ?? url.parameter('sslcert'),
    sslKey: settings['database.sslkey'] ?? url.parameter('sslkey'),
    sslPassword: settings['database.sslpassword'] ?? secretOf(url.parameter('sslpassword')),
  };
}

/** The settings without which nobody knows where to connect. */
export function missingParts(settings: AddressSettings): ('database.hostname' | 'database.user' | 'database.dbname')[] {
  const { host, user, database } = addressOf(settings);
  const parts = { 'database.hostname': host, 'database.user': user, 'database.dbname': database } as const;
  return (Object.keys(parts) as (keyof typeof parts)[]).filter((key) => parts[key] === '');
}

/** What is wrong with an address, without repeating it: it may hold a password. */
export function urlComplaint(text: string): { message: string; fix: string } | undefined {
  const fix = 'Write postgres://user:password@host:5432/database; percent-encode what would end a part of it.';
  if (!URL.canParse(text)) return { message: 'this is not an address', fix };
  const url = new URL(text);
  if (!/^postgres(ql)?:$/.test(url.protocol)) return { message: 'the address does not start with postgres:', fix };
  for (const part of [url.username, url.password, url.pathname, url.hostname]) {
    if (decoded(part) === undefined) return { message: 'the address has a % that encodes nothing', fix };
  }
  const unknown = [...url.searchParams.keys()].find((key) => !parameters.has(key));
  if (unknown !== undefined) {
    return {
      message: `the address has the parameter ${JSON.stringify(unknown.slice(0, 60))}, which nothing reads`,
      fix: `Remove it; the address can have ${[...parameters].join(', ')}.`,
    };
  }
  const mode = url.searchParams.get('sslmode');
  if (mode === null || isSslMode(mode)) return undefined;
  return { message: 'the address has an unknown sslmode', fix: `Use one of ${sslModes.join(', ')}.` };
}

interface UrlParts {
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly user: string | undefined;
  readonly password: Secret | undefined;
  readonly database: string | undefined;
  readonly sslMode: SslMode | undefined;
  parameter(name: string): string | undefined;
}

function readUrl(text: string | undefined): UrlParts {
  const url = text !== undefined && URL.canParse(text) ? new URL(text) : undefined;
  const mode = url?.searchParams.get('sslmode');
  const host = decoded(url?.hostname)?.replace(/^\[(.*)\]$/, '$1');
  return {
    host: given(host),
    port: url === undefined || url.port === '' ? undefined : Number(url.port),
    user: given(decoded(url?.username)),
    password: secretOf(decoded(url?.password)),
    database: given(decoded(url?.pathname)?.replace(/^\//, '')),
    sslMode: mode !== undefined && mode !== null && isSslMode(mode) ? mode : undefined,
    parameter: (name) => given(url?.searchParams.get(name) ?? undefined),
  };
}

function decoded(text: string | undefined): string | undefined {
  try {
    return text === undefined ? undefined : decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function given(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

function secretOf(text: string | undefined): Secret | undefined {
  return text === undefined || text === '' ? undefined : new Secret(text);
}

function isSslMode(text: string): text is SslMode {
  return (sslModes as readonly string[]).includes(text);
}
