/** A record of a file, by the names of its columns, or why it could not be read. */
export type SourceRecord =
  | { readonly line: number; readonly fields: ReadonlyMap<string, unknown> }
  | { readonly line: number; readonly problem: string };

/** No row of ours comes near that. What is larger is not kept in memory. */
export const MAX_RECORD_BYTES = 65_536;
