import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { Platform } from '../api/client.js';
import { usePolled } from '../api/use-polled.js';
import { Select } from '../ui/fields.js';

const RANGES = { 30: '30 days', 90: '90 days', 365: '1 year' };

interface OverTimeProps<T> {
  readonly id: string;
  readonly title: string;
  readonly platforms: readonly Platform[];
  readonly load: (platformId: number, days: number) => Promise<readonly T[]>;
  /** The text to show if there is no data. */
  readonly none: string;
  /** An additional control next to platform and period. */
  readonly choice?: ComponentChildren;
  readonly children: (loaded: readonly T[], days: number) => ComponentChildren;
}

/** A panel with a chart of one platform over the selected period. */
export function OverTime<T>(props: OverTimeProps<T>) {
  const { id, title, platforms, load, none, choice, children } = props;
  const [chosen, setChosen] = useState('');
  const [range, setRange] = useState('90');
  // The chosen platform may have been deleted elsewhere.
  const platformId = (platforms.find((platform) => String(platform.id) === chosen) ?? platforms[0])?.id ?? 0;
  const { value, error } = usePolled(async () => {
    const days = Number(range);
    return { platformId, days, loaded: await load(platformId, days) };
  }, [platformId, range]);

  return (
    <section class="panel" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      <div class="choices">
        {platforms.length > 1 && (
          <Select
            name="platform"
            label="Platform"
            value={String(platformId)}
            options={Object.fromEntries(platforms.map((platform) => [platform.id, platform.name]))}
            onChange={setChosen}
          />
        )}
        {choice}
        <Select name="days" label="Period" value={range} options={RANGES} onChange={setRange} />
      </div>
      {error !== null && (
        <p class="notice bad" role="alert">
          {error}
        </p>
      )}
      {/* The last value loaded may belong to another platform. */}
      {value?.platformId === platformId &&
        (value.loaded.length === 0 ? <p class="hint">{none}</p> : children(value.loaded, value.days))}
    </section>
  );
}
