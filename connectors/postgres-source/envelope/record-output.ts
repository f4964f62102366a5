/** Where records are written before they are handed out: one for all encoders of a thread, for a record is valid during one call only. */

import { JsonOutput } from '../values/json-output.ts';

export const recordOutput = new JsonOutput();
