/** Secrets leave this program only as dots (promise 7), and dots that come back mean the secret stays as it is. Pure. */

import { isConfidentialName } from '../../config/blot.ts';
import { blot } from '../../config/fields/secret.ts';
import type { ConnectorDefinition } from '../../config/index.ts';
import type { Settings } from '../stores/config-records.ts';

/** A value that only says where the secret is; showing it gives nothing away. */
const reference = /^\$\{[^${}]+\}$/;

/** Settings as they may be shown. Without a definition nobody knows what is secret, so what is called like a secret counts. */
export function masked(settings: Settings, definition: ConnectorDefinition | undefined): Settings {
  const shown: Record<string, string> = {};
  for (const [key, value] of Object.entries(settings)) {
    shown[key] = isSecret(key, definition) && value !== '' && !reference.test(value) ? blot : value;
  }
  return shown;
}

/** Puts the current value where a masked one came back. */
export function unmasked(settings: Settings, current: Settings | undefined): Settings {
  const complete: Record<string, string> = {};
  for (const [key, value] of Object.entries(settings))
    complete[key] = value === blot ? (current?.[key] ?? value) : value;
  return complete;
}

function isSecret(key: string, definition: ConnectorDefinition | undefined): boolean {
  if (definition !== undefined) {
    for (const [name, field] of Object.entries(definition.fields)) {
      if (name === key || field.aliases.includes(key)) return field.kind === 'secret';
    }
  }
  return isConfidentialName(key);
}
