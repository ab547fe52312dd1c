/** Makes `%` and `_` stand for themselves. The backslash is PostgreSQL's default escape character. */
export function escapeLike(text: string): string {
  return text.replaceAll(/[\\%_]/g, '\\$&');
}
