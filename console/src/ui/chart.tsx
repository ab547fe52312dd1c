import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

export interface Series {
  readonly label: string;
  readonly values: readonly (number | null)[];
}

interface ChartProps {
  readonly title: string;
  /** Seconds since the epoch. */
  readonly times: readonly number[];
  readonly series: readonly Series[];
  readonly format: (value: number) => string;
  /** Formats a time for the axis and the table. */
  readonly formatTime: (seconds: number) => string;
}

const HEIGHT = 220;
/** Pixels. */
const [MIN_AXIS, LETTER, AXIS_GAP] = [48, 7.5, 20];
/** Dash patterns that distinguish the series without colour. */
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3], [5, 5], [1, 4]];
/** Most rows in the table: a chart of five minutes has too many points to read. */
const MAX_ROWS = 40;

/** A chart with its last values as text, and the same numbers as a table for users who cannot see the chart. */
export function Chart({ title, times, series, format, formatTime }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const dark = useDarkMode();
  /** The place that the pointer is at. */
  const [pointed, setPointed] = useState<number | null>(null);
  const shown = pointed ?? times.length - 1;
  const labels = series.map(({ label }) => label).join('\n');

  useLayoutEffect(() => {
    const element = place.current;
    if (element === null) return;
    plot.current = new uPlot(
      optionsOf(element, series, { format, formatTime }, setPointed),
      dataOf(times, series),
      element,
    );
    const observer = new ResizeObserver(() =>
      plot.current?.setSize({ width: element.clientWidth, height: HEIGHT }),
    );
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.current?.destroy();
    };
  }, [dark, labels]);

  useEffect(() => plot.current?.setData(dataOf(times, series)), [times, series]);

  return (
    <figure class="chart">
      <figcaption>
        {title}
        {pointed !== null && times[pointed] !== undefined && (
          <span class="hint"> at {formatTime(times[pointed])}</span>
        )}
      </figcaption>
      <ul class="legend">
        {series.map(({ label, values }, index) => (
          <li key={label} class={`series-${index}`}>
            {label} <strong>{formatOrDash(values[shown], format)}</strong>
          </li>
        ))}
      </ul>
      <div ref={place} class="plot" role="img" aria-label={`${title}. The table below has the numbers.`} />
      <details>
        <summary>{title}, as a table</summary>
        <div class="scroll" tabIndex={0} role="region" aria-label={`${title}, table`}>
          <table>
            <thead>
              <tr>
                <th scope="col">Time</th>
                {series.map(({ label }) => (
                  <th key={label} scope="col">
                    {label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rowsOf(times, series).map(([time, ...values]) => (
                <tr key={time}>
                  <th scope="row">{formatTime(time)}</th>
                  {values.map((value, index) => (
                    <td key={index}>{formatOrDash(value, format)}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  );
}

export function formatOrDash(
  value: number | null | undefined,
  format: (value: number) => string,
  none = '–',
): string {
  return value === null || value === undefined ? none : format(value);
}

function rowsOf(
  times: readonly number[],
  series: readonly Series[],
): [time: number, ...values: (number | null)[]][] {
  const rows = times.map((time, index): [number, ...(number | null)[]] => [
    time,
    ...series.map(({ values }) => values[index] ?? null),
  ]);
  return rows.slice(-MAX_ROWS).reverse();
}

function dataOf(times: readonly number[], series: readonly Series[]): uPlot.AlignedData {
  return [[...times], ...series.map(({ values }) => [...values])];
}

function optionsOf(
  element: HTMLElement,
  series: readonly Series[],
  { format, formatTime }: Pick<ChartProps, 'format' | 'formatTime'>,
  onPoint: (index: number | null) => void,
): uPlot.Options {
  const style = getComputedStyle(element);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const line = { stroke: colour('--line'), width: 1 };
  const axis = { stroke: colour('--muted'), grid: line, ticks: line };
  return {
    width: element.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    // A time is centred below its place, also at the edge.
    padding: [12, 36, 0, 0],
    hooks: { setCursor: [({ cursor }) => onPoint(cursor.idx ?? null)] },
    cursor: { drag: { x: false, y: false } },
    scales: { y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.1 : 1] } },
    axes: [
      { ...axis, space: 100, values: (_plot, times) => times.map((time) => formatTime(time)) },
      { ...axis, size: widthOf, values: (_plot, values) => values.map((value) => format(value)) },
    ],
    series: [
      {},
      ...series.map(({ label }, index) => ({
        label,
        width: 2,
        stroke: colour(`--series-${index}`),
        dash: DASHES[index % DASHES.length] ?? [],
        points: { show: (series[index]?.values.length ?? 0) < 3 },
      })),
    ],
  };
}

/** Wide enough for the longest number, which would be cut otherwise. */
function widthOf(_plot: uPlot, values: readonly string[] | null): number {
  const longest = Math.max(0, ...(values ?? []).map((value) => value.length));
  return Math.max(MIN_AXIS, longest * LETTER + AXIS_GAP);
}

function useDarkMode(): boolean {
  const query = matchMedia('(prefers-color-scheme: dark)');
  const [dark, setDark] = useState(query.matches);
  useEffect(() => {
    const changed = (): void => setDark(query.matches);
    query.addEventListener('change', changed);
    return () => query.removeEventListener('change', changed);
  }, []);
  return dark;
}
