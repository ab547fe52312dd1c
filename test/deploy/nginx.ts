export interface Directive {
  readonly name: string;
  readonly args: readonly string[];
  readonly block?: readonly Directive[];
}

const TOKEN = /\s+|#.*|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[;{}]|[^\s;{}"']+)/gy;

/** The grammar of nginx's configuration; not what its directives mean. @throws where a brace or semicolon is missing. */
export function parseNginx(text: string): Directive[] {
  const tokens = [...text.matchAll(TOKEN)].flatMap(([, token]) => token ?? []);
  const length = [...text.matchAll(TOKEN)].reduce((sum, [token]) => sum + token.length, 0);
  if (length !== text.length) throw new Error(`Not nginx's syntax: ${text.slice(length, length + 20)}`);
  let at = 0;
  const block = (end: string | undefined): Directive[] => {
    const directives: Directive[] = [];
    for (;;) {
      if (tokens[at] === end) return directives;
      const words: string[] = [];
      while (tokens[at] !== undefined && !/^[;{}]$/.test(tokens[at] ?? '')) {
        words.push((tokens[at++] ?? '').replace(/^(["'])(.*)\1$/s, '$2'));
      }
      const [name, ...args] = words;
      const stop = tokens[at++];
      if (name === undefined || stop === undefined || stop === '}')
        throw new Error(`No end of ${words.join(' ')}`);
      if (stop === ';') directives.push({ name, args });
      else {
        directives.push({ name, args, block: block('}') });
        at++;
      }
    }
  };
  return block(undefined);
}
