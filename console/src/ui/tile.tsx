import type { ComponentChildren } from 'preact';

interface TileProps {
  readonly label: string;
  readonly value: string;
  readonly children?: ComponentChildren;
}

/** A figure with a label and an optional note. Its parent must be a <dl>. */
export function Tile({ label, value, children }: TileProps) {
  return (
    <div class="tile panel">
      <dt>{label}</dt>
      <dd>
        <strong>{value}</strong>
        {children !== undefined && <span class="hint">{children}</span>}
      </dd>
    </div>
  );
}
