import type { JsonAnswer } from './fake-oauth.js';

const PATH = /^\/api\/v1\/(?:accounts\/\w+\/)?(statuses|lists)(?:\/(\w+))?$/;

/** The statuses and the lists of a fake's only account. */
export class FakeCollections {
  readonly statuses = new Map<string, object>();
  readonly lists = new Map<string, object>();
  #last = 0;

  /** Null if the request is about something else. */
  answer(method: string, url: URL, form: URLSearchParams, mayUse: () => boolean): JsonAnswer | null {
    const [, name, id] = PATH.exec(url.pathname) ?? [];
    if (name === undefined) return null;
    if (!mayUse()) return { status: 401, body: { error: 'The access token is invalid' } };
    const all = name === 'lists' ? this.lists : this.statuses;
    if (id === undefined)
      return { status: 200, body: method === 'POST' ? this.#add(all, form) : [...all.values()] };
    const found = all.get(id);
    if (found === undefined) return { status: 404, body: { error: 'Record not found' } };
    if (method === 'DELETE') all.delete(id);
    return { status: 200, body: found };
  }

  #add(all: Map<string, object>, form: URLSearchParams): object {
    const id = String(++this.#last);
    const added = { id, ...Object.fromEntries(form), content: form.get('status') };
    all.set(id, added);
    return added;
  }
}
