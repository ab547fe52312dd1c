import type { ComponentChildren } from 'preact';

interface MoreProps {
  /** Where one of its fields is wrong. */
  readonly open: boolean;
  readonly children: ComponentChildren;
}

/** Fields that few people need. */
export function More({ open, children }: MoreProps) {
  return (
    <details open={open}>
      <summary>More about the account</summary>
      <div class="stack">{children}</div>
    </details>
  );
}
