/** Own simple marks, so that software can be told apart at a glance. The name stands beside each. */
const MARKS: Readonly<Record<string, string>> = {
  mastodon: 'M3 13V4l5 5 5-5v9',
  pixelfed: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11ZM8 6v4M6 8h4',
  pleroma: 'M4 13.5v-11h4.5V8H4M12 13.5V11',
  akkoma: 'M8 3l5.5 10h-11ZM8 8.5v2',
  gotosocial: 'M2.5 8a5.5 5.5 0 0 0 11 0M5 4.5v1M11 4.5v1',
  friendica: 'M2.5 2.5h7v7h-7ZM6.5 6.5h7v7h-7Z',
  misskey: 'M2 10c2-7 4-7 6 0s4 7 6 0',
  bluesky:
    'M8 8C6.5 4.5 3.5 3 2.5 4s.5 4 3 4.5C3.5 9 4 12 5.5 12S8 10 8 8c0 2 1 4 2.5 4s2-3 0-3.5c2.5-.5 4-3.5 3-4.5S9.5 4.5 8 8Z',
};
const OTHER = 'M8 2.5v3M8 10.5v3M2.5 8h3M10.5 8h3M8 6a2 2 0 1 0 0 4 2 2 0 0 0 0-4Z';

export function SoftwareMark({ type }: { readonly type: string }) {
  return (
    <svg class="mark" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path d={MARKS[type] ?? OTHER} />
    </svg>
  );
}
