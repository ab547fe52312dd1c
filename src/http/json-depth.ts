/** Deeper than any body of this API. What walks a body recursively would run out of stack on a hostile one. */
const MAX_DEPTH = 16;

/** Whether a parsed JSON value has more levels than are accepted. Not recursive itself. */
export function isTooDeep(value: unknown, maxDepth = MAX_DEPTH): boolean {
  let level: object[] = typeof value === 'object' && value !== null ? [value] : [];
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > maxDepth) return true;
    level = level.flatMap((node) =>
      Object.values(node).filter((child): child is object => typeof child === 'object' && child !== null),
    );
  }
  return false;
}
