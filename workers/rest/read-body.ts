/** What clients send, brought into the shapes the commands take; everything else is refused with what was expected. */

import { workerErrors } from '../error-codes.ts';
import type { SettingsPatch } from '../herder/commands.ts';
import type { Settings, TargetState } from '../stores/config-records.ts';

const initialStates: Readonly<Record<string, TargetState>> = {
  RUNNING: 'STARTED',
  PAUSED: 'PAUSED',
  STOPPED: 'STOPPED',
};

export interface CreateRequest {
  readonly name: string;
  readonly config: Settings;
  readonly initialState: TargetState;
}

/** `{"name", "config"[, "initial_state"]}`; blanks around the name do not count. */
export function readCreate(body: unknown): CreateRequest {
  const members = readObject(body, 'the body', ['name', 'config', 'initial_state']);
  const name = members['name'] ?? '';
  if (typeof name !== 'string') throw bad('name must be a text');
  const wanted = members['initial_state'] ?? 'RUNNING';
  const initialState = typeof wanted === 'string' ? initialStates[wanted.toUpperCase()] : undefined;
  if (initialState === undefined) throw bad(`initial_state must be one of ${Object.keys(initialStates).join(', ')}`);
  const trimmed = name.trim();
  const config = readSettings(members['config']);
  return { name: trimmed === '' ? (config['name'] ?? '').trim() : trimmed, config, initialState };
}

/** A flat object; numbers and booleans count as their text, as in Kafka Connect. */
export function readSettings(body: unknown): Settings {
  const settings: Record<string, string> = {};
  for (const [key, value] of Object.entries(readPatch(body))) {
    if (value === null) throw bad(`${key} must not be null`);
    settings[key] = value;
  }
  return settings;
}

export function readPatch(body: unknown): SettingsPatch {
  const patch: Record<string, string | null> = {};
  for (const [key, value] of Object.entries(readObject(body, 'the configuration'))) {
    if (value !== null && typeof value === 'object') throw bad(`${key} must be a text, a number or a boolean`);
    patch[key] = value === null ? null : String(value);
  }
  return patch;
}

/** Refuses members other than `known`, where those are given. */
export function readObject(body: unknown, what: string, known?: readonly string[]): Readonly<Record<string, unknown>> {
  if (body === null || typeof body !== 'object' || Array.isArray(body)) throw bad(`${what} must be a JSON object`);
  const stranger = known === undefined ? undefined : Object.keys(body).find((key) => !known.includes(key));
  if (stranger !== undefined) throw bad(`${what} has the unknown field ${JSON.stringify(stranger)}`);
  return body as Readonly<Record<string, unknown>>;
}

export function readFlag(value: unknown, otherwise = false): boolean {
  const last = Array.isArray(value) ? value.at(-1) : value;
  return last === undefined ? otherwise : String(last).toLowerCase() === 'true';
}

export function bad(message: string): Error {
  return workerErrors.error('bad-request', { message });
}
