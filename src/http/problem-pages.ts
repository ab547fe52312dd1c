import { type ProblemType, listOfProblemTypes } from '../common/problem-types.js';

type Explained = ProblemType & { readonly code: string };

/** A page without styles or scripts, which the policy for data forbids. */
export function problemPage({ code, status, title, meaning }: Explained): string {
  return page(
    title,
    `<p>Status <strong>${status}</strong>, code <code>${code}</code></p>\n<p>${html(meaning)}</p>\n` +
      '<p><a href="../problems">All problems</a></p>',
  );
}

export function problemsPage(): string {
  const items = listOfProblemTypes().map(
    ({ code, status, title, meaning }) =>
      `<dt>${status} <a href="problems/${code}"><code>${code}</code></a>: ${html(title)}</dt>\n<dd>${html(meaning)}</dd>`,
  );
  return page('Problems', `<dl>\n${items.join('\n')}\n</dl>`);
}

/** docs/problems.md. */
export function problemsDocument(): string {
  const lines = ['# Problems', '', ...INTRODUCTION];
  let section = 0;
  for (const { code, status, title, meaning } of listOfProblemTypes()) {
    if (status !== section) lines.push('', `## ${status}`, '');
    section = status;
    lines.push(`- \`${code}\` · ${title}. ${meaning}`);
  }
  return `${lines.join('\n')}\n`;
}

const INTRODUCTION = [
  'Errors are RFC 9457 `application/problem+json`. Programs go by `code`. `type` is `<PUBLIC_URL>/problems/<code>`, which the',
  'server answers with the text below: as HTML for browsers, else as JSON. `npm run openapi` writes this page.',
];

function page(title: string, content: string): string {
  return [
    '<!doctype html>',
    '<html lang="en">',
    `<meta charset="utf-8">`,
    '<meta name="viewport" content="width=device-width">',
    `<title>${html(title)}</title>`,
    `<h1>${html(title)}</h1>`,
    content,
    '</html>',
    '',
  ].join('\n');
}

/** Text of the table, in which backquotes mark code. */
function html(text: string): string {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return escaped.replaceAll(/`([^`]*)`/g, '<code>$1</code>');
}
