/** What a person receives. */
export interface Letter {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

export interface LetterParts {
  readonly to: string;
  readonly subject: string;
  /** Each one paragraph, in plain text. */
  readonly before: readonly string[];
  readonly link: { readonly label: string; readonly url: string };
  readonly after: readonly string[];
}

/** The one layout. No picture and no address of ours but the link itself, so nobody learns whether it was read. */
export function letterOf({ to, subject, before, link, after }: LetterParts): Letter {
  const paragraph = (text: string): string => `<p>${escaped(text)}</p>`;
  return {
    ...{ to, subject },
    text: `${[...before, link.url, ...after].join('\n\n')}\n`,
    html: [
      '<!doctype html>',
      `<html lang="en"><head><meta charset="utf-8"><title>${escaped(subject)}</title></head>`,
      '<body style="font-family: sans-serif; line-height: 1.5; max-width: 36em">',
      ...before.map(paragraph),
      `<p><a href="${escaped(link.url)}">${escaped(link.label)}</a></p>`,
      ...after.map(paragraph),
      '</body></html>',
      '',
    ].join('\n'),
  };
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}
