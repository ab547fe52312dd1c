/** Deeper than any valid body. Code that walks a hostile body recursively would overflow the stack. */
const MAX_DEPTH = 16;

/** Whether a parsed JSON value is nested too deeply. Works without recursion. */
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
