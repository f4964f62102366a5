/** What questions to the catalog need of a connection. */

export type CatalogRow = Readonly<Record<string, string | null>>;

export interface CatalogPort {
  /** Values come as the text the server writes. */
  query(text: string, values?: readonly unknown[]): Promise<readonly CatalogRow[]>;
}

/** A column that cannot be null. */
export function textOf(row: CatalogRow, name: string): string {
  return row[name] ?? '';
}

export function isTrue(row: CatalogRow, name: string): boolean {
  return row[name] === 't';
}
