import type { IconNode } from 'lucide';
import { h } from 'preact';

/** For the eye only: the text beside it, or its button's label, says the same. */
export function Icon({ node }: { readonly node: IconNode }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" width="18" height="18" aria-hidden="true">
      {node.map(([tag, attributes]) => h(tag, attributes))}
    </svg>
  );
}
