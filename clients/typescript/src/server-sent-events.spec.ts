import { describe, expect, it } from '@jest/globals';
import { EventStreamParser } from './server-sent-events.js';

const STREAM = [
  ': a comment',
  'retry: 2741',
  '',
  'id: 128',
  'event: ready',
  'data: {"lastEventId":128}',
  '',
  'id: 129',
  '',
  'event: platform',
  'data: one',
  'data:two',
  'data',
  'unknown: field',
  '',
  'data: unfinished',
  '',
].join('\n');

const EVENTS = [
  { type: 'ready', data: '{"lastEventId":128}', lastEventId: '128' },
  { type: 'platform', data: 'one\ntwo\n', lastEventId: '129' },
];

describe('the parser of event streams', () => {
  it.each([
    ['line feeds', STREAM],
    ['carriage returns and line feeds', STREAM.replaceAll('\n', '\r\n')],
    ['carriage returns', STREAM.replaceAll('\n', '\r')],
  ])('parses events with %s, however the stream is split into chunks', (_ends, text) => {
    for (let size = 1; size <= text.length; size += 1) {
      const parser = new EventStreamParser();
      const chunks = Array.from({ length: Math.ceil(text.length / size) }, (_, n) =>
        text.slice(n * size, (n + 1) * size),
      );
      expect(chunks.flatMap((chunk) => parser.push(chunk))).toEqual(EVENTS);
      expect(parser.retryMs).toBe(2741);
    }
  });

  it('keeps the initial id, and the id of an event without data', () => {
    const parser = new EventStreamParser('7');
    expect(parser.lastEventId).toBe('7');
    expect(parser.push('id: 9\n\n')).toEqual([]);
    expect(parser.lastEventId).toBe('9');
    parser.push('id: 1\0\nretry: soon\n\n');
    expect(parser.lastEventId).toBe('9');
    expect(parser.retryMs).toBeNull();
  });
});
