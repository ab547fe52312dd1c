import type { Spread } from './statistics.js';

export type Goal = { readonly atLeast: number } | { readonly atMost: number };

/** One line of the table of ratios, with the goal of issue 7 where it has one. */
export interface Measure {
  readonly what: string;
  readonly value: Spread;
  readonly goal?: Goal;
}

/** What one part of the bench found: for the table, for the reader, and for the JSON. */
export interface Section {
  readonly measures: readonly Measure[];
  readonly lines: readonly string[];
  readonly figures: unknown;
}

export function exactly(value: number): Spread {
  return { median: value, lowest: value, highest: value };
}

export function isMet({ value, goal }: Measure): boolean | null {
  if (goal === undefined) return null;
  return 'atLeast' in goal ? value.median >= goal.atLeast : value.median <= goal.atMost;
}

export const count = (value: number): string => Math.round(value).toLocaleString('en');
export const milliseconds = (value: number): string => `${value.toFixed(value < 10 ? 2 : 0)} ms`;
export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

export function printMeasures(measures: readonly Measure[]): void {
  const rows = measures.map((measure) => {
    const { value, goal, what } = measure;
    const { median, lowest, highest } = value;
    const single = lowest === highest;
    const limit = goal === undefined ? '' : 'atLeast' in goal ? `>= ${goal.atLeast}` : `<= ${goal.atMost}`;
    const met = isMet(measure);
    return [
      `${short(median)}${single ? '' : ` (${short(lowest)}-${short(highest)})`}`,
      limit,
      met === null ? '' : met ? 'met' : 'NOT MET',
      what,
    ];
  });
  console.log('');
  printTable([['median (lowest-highest)', 'goal', '', 'ratio'], ...rows]);
}

export function printTable(rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of rows) {
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
  }
}

function short(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 3 : 1);
}
