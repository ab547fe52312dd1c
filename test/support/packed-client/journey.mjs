import { createClient, idempotencyKey, ok } from 'platform-manager-client';
import { socketEvents } from 'platform-manager-client/socket-io';
import { io } from 'socket.io-client';

/** @typedef {import('platform-manager-client').EventMessage} EventMessage */

/**
 * What a program does with the client, from the first sign-in to the events after a lost server. It is the same in
 * Node and in a browser, and checked by the compiler as a user's program would be.
 *
 * @param {{ baseUrl: string, email: string, password: string, report: (step: string, what: unknown) => void }} given
 */
export async function journey({ baseUrl, email, password, report }) {
  let refreshes = 0;
  let unchanged = 0;
  /** @type {string | null} */
  let expired = null;
  let isToLose = false;
  const client = createClient({
    baseUrl,
    fetch: async (request) => {
      if (request.url.endsWith('/v1/auth/refresh')) refreshes += 1;
      // As if its time had passed.
      if (request.headers.get('Authorization') === `Bearer ${expired}`)
        request.headers.set('Authorization', 'Bearer expired');
      const response = await fetch(request);
      if (response.status === 304) unchanged += 1;
      if (!isToLose || request.method !== 'POST') return response;
      isToLose = false;
      throw new TypeError('The answer was lost');
    },
  });
  const { api, session } = client;

  const user = await session.signIn(email, password);
  const list = () => ok(api.GET('/v1/platforms'));
  const first = await list();
  const second = await list();
  report('listed', [user.email, first.map(({ name }) => name), second.map(({ name }) => name), unchanged]);

  const refused = await ok(api.GET('/v1/platforms/{id}', { params: { path: { id: 2 ** 30 } } })).catch(
    (/** @type {import('platform-manager-client').Problem} */ problem) => [problem.status, problem.code],
  );
  report('refused', refused);

  // A token that is renewed within the second of its issue is the same.
  await new Promise((resolve) => setTimeout(resolve, 1_001 - (Date.now() % 1_000)));
  expired = await client.accessToken();
  const lists = await Promise.all(Array.from({ length: 50 }, list));
  report('renewed', [lists.length, refreshes]);

  const body = /** @type {const} */ ({
    name: `Created by ${email}`,
    platformType: 'mastodon',
    instanceUrl: 'https://mastodon.example',
    accessToken: 'an-access-token-of-the-journey',
  });
  const headers = { 'Idempotency-Key': idempotencyKey() };
  isToLose = true;
  const created = await ok(api.POST('/v1/platforms', { body, headers }));
  const again = await ok(api.POST('/v1/platforms', { body, headers }));
  report('created', [created.id === again.id, (await list()).length - first.length]);

  const stop = new AbortController();
  /** @param {string} transport @param {EventMessage} message */
  const hear = (transport, message) => {
    const name = message.type === 'platform' ? message.event.platform?.name : null;
    report('heard', [transport, message.type, name]);
  };
  const stopSocket = socketEvents(io, client, {
    onMessage: (message) => hear('socket.io', message),
    onEnd: ({ code }) => report('ended', code),
  });
  stop.signal.addEventListener('abort', stopSocket);
  const listen = async () => {
    for await (const message of client.events({ signal: stop.signal })) hear('sse', message);
  };
  void listen();
  return async () => {
    stop.abort();
    await session.signOut();
    report('signed out', session.user);
  };
}
