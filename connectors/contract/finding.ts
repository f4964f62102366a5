/** What a connector finds when it looks at its surroundings before it runs: for `millrace doctor`. */

export interface Finding {
  /** What was looked at, such as a setting of a server, a role or a table. */
  readonly subject: string;
  /** Where one would change something about it, if a setting of the connector can. */
  readonly setting?: string;
  /** `problem`: it does not work so. `warning`: it works, and may hurt later. */
  readonly state: 'ok' | 'warning' | 'problem';
  /** One sentence without a full stop. */
  readonly message: string;
  /** What to execute where the connector reads or writes, such as SQL, in order; empty when there is nothing to execute. */
  readonly fix: readonly string[];
}
