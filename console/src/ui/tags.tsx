import type { Platform } from '../api/client.js';

type Labels = Platform['labels'];

/** The labels of a connection. */
export function Tags({ labels }: { readonly labels: Labels }) {
  const entries = Object.entries(labels);
  if (entries.length === 0) return null;
  return (
    <ul class="tags" aria-label="Labels">
      {entries.map(([key, value]) => (
        <li key={key} class="badge">
          {key}: {value}
        </li>
      ))}
    </ul>
  );
}
