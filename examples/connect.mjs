import { createServer } from 'node:http';
import { createClient, ok } from 'platform-manager-client';

// A host application whose users connect their accounts without an account at Platform Manager.
const { API_URL = 'http://localhost:3000', API_KEY, APP_URL = 'http://localhost:5173' } = process.env;
const { api } = createClient({ baseUrl: API_URL, apiKey: API_KEY });

/** Where to send the browser of this user, to connect an account. */
async function connectAddress(externalUserId) {
  const body = { externalUserId, applicationName: 'Alt Text Helper', returnTo: `${APP_URL}/accounts` };
  return (await ok(api.POST('/v1/connect/links', { body }))).url;
}

/** Asked here, not read from the address that the browser comes back with: people can type that. */
async function accountsOf(externalUserId) {
  const query = { label: [`external-user=${externalUserId}`] };
  return ok(api.GET('/v1/platforms', { params: { query } }));
}

const server = createServer((request, response) => {
  answer(request, response).catch((error) => {
    console.error(error);
    response.writeHead(502).end('Connecting does not work at the moment.');
  });
});
server.listen(new URL(APP_URL).port);

async function answer({ url }, response) {
  // Your own session knows who it is.
  const user = 'customer-1207';
  if (url === '/connect') {
    response.writeHead(303, { Location: await connectAddress(user), 'Cache-Control': 'no-store' }).end();
    return;
  }
  const accounts = await accountsOf(user);
  const list = accounts.map(({ username, status }) => `<li>@${encodeURIComponent(username)}: ${status}</li>`);
  response.setHeader('Content-Type', 'text/html; charset=utf-8');
  response.end(
    `<!doctype html><title>Accounts</title><ul>${list.join('')}</ul><a href="/connect">Connect</a>`,
  );
}
