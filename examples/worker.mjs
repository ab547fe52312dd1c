import { Problem, createClient, ok } from 'platform-manager-client';

// Posts TEXT to the account of a platform connection, and reports it, so that the connection's statistics count it.
const { API_URL = 'http://localhost:3000', API_KEY, PLATFORM_ID, TEXT } = process.env;
const { api } = createClient({ baseUrl: API_URL, apiKey: API_KEY });
const params = { path: { id: Number(PLATFORM_ID) } };

async function post(text) {
  // Decrypted for this one use; the reason is in the owner's audit trail. Keep the token nowhere.
  const { accessToken, instanceUrl } = await ok(
    api.POST('/v1/platforms/{id}/credentials', { params, body: { reason: 'Publishing a scheduled post' } }),
  );
  const answer = await fetch(new URL('/api/v1/statuses', instanceUrl), {
    method: 'POST',
    headers: { Authorization: `Bearer ${accessToken}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ status: text }),
  });
  if (!answer.ok) throw new Error(`The instance answered with status ${answer.status}`);
  return answer.json();
}

try {
  const { id } = await post(TEXT);
  const activity = {
    kind: 'post',
    externalId: id,
    status: 'published',
    occurredAt: new Date().toISOString(),
  };
  await ok(api.POST('/v1/platforms/{id}/activities', { params, body: [activity] }));
  console.log(`Posted ${id}`);
} catch (error) {
  // The code is for programs: needs_reconnect, for one, waits for the owner, and another attempt does not help.
  console.error(error instanceof Problem ? `${error.code}: ${error.message}` : error);
  process.exitCode = 1;
}
