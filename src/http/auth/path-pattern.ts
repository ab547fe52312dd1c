// One spelling of each path: see proxy-path.ts. A star is a whole segment, two are the rest, so matching takes no regular
// expression of a user's.
const PATTERN = /^\/(?:(?:\*|[\w.~!$&'()+,;=:@-]+)(?:\/|$))*(?:\*\*)?$/;
const DOTS = /\/\.{1,2}(?:[/;]|$)/;

export function isPathPattern(text: string): boolean {
  return PATTERN.test(text) && !DOTS.test(text);
}

/** Whether a path is one of the pattern's: `*` stands for one segment, `**` at the end for whatever follows. */
export function matchesPath(pattern: string, path: string): boolean {
  const wanted = pattern.split('/');
  const given = path.split('/');
  const isOpen = wanted.at(-1) === '**';
  const fixed = isOpen ? wanted.slice(0, -1) : wanted;
  if (isOpen ? given.length < wanted.length : given.length !== wanted.length) return false;
  return fixed.every((segment, at) => (segment === '*' ? given[at] !== '' : segment === given[at]));
}
