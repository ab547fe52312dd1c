export interface ServerSentEvent {
  readonly type: string;
  readonly data: string;
  /** The last id received so far; an event without an id keeps the previous one. */
  readonly lastEventId: string;
}

/** Parses an event stream (HTML Living Standard, 9.2.6). The browser's EventSource cannot send a token. */
export class EventStreamParser {
  #rest = '';
  #type = '';
  #data: string[] = [];
  #id: string;
  #retryMs: number | null = null;

  constructor(lastEventId = '') {
    this.#id = lastEventId;
  }

  get lastEventId(): string {
    return this.#id;
  }

  /** How long to wait before reconnecting, if the server has sent `retry`. */
  get retryMs(): number | null {
    return this.#retryMs;
  }

  push(text: string): ServerSentEvent[] {
    const events: ServerSentEvent[] = [];
    // A CR at the end may be the first half of a CRLF.
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line !== '') this.#field(line);
      else {
        const event = this.#dispatch();
        if (event !== null) events.push(event);
      }
    }
    return events;
  }

  #field(line: string): void {
    const [, name = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (name === 'event') this.#type = value;
    else if (name === 'data') this.#data.push(value);
    else if (name === 'id' && !value.includes('\0')) this.#id = value;
    else if (name === 'retry' && /^\d+$/.test(value)) this.#retryMs = Number(value);
  }

  #dispatch(): ServerSentEvent | null {
    const event = { type: this.#type || 'message', data: this.#data.join('\n'), lastEventId: this.#id };
    const empty = this.#data.length === 0;
    this.#type = '';
    this.#data = [];
    return empty ? null : event;
  }
}
