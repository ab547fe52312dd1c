import { Blob, Buffer } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { createRestAPIClient } from 'masto';

// A worker with masto.js, whose requests go through the proxy by the recipe of docs/proxy.md. It has an API key and no
// credential of an instance. Prints what masto.js returned, as JSON.

const { MANAGER, PLATFORM, TEXT, PICTURE } = process.env;
const platform = JSON.parse(PLATFORM);
const doc = await readFile(new URL('../../../docs/proxy.md', import.meta.url), 'utf8');
const [, recipe] = /## A worker[^]*?```js\n([^]*?)```/.exec(doc);
globalThis.fetch = new Function('manager', 'platform', `${recipe}; return viaProxy;`)(MANAGER, platform);

const masto = createRestAPIClient({ url: platform.instanceUrl, accessToken: 'not-a-token' });
const account = await masto.v1.accounts.verifyCredentials();
const media =
  PICTURE === undefined
    ? null
    : await masto.v2.media.create({
        file: new Blob([Buffer.from(PICTURE, 'base64')], { type: 'image/png' }),
        description: 'A picture',
        skipPolling: true,
      });
const posted = await masto.v1.statuses.create({ status: TEXT, mediaIds: media === null ? [] : [media.id] });
const statusesOf = () => masto.v1.accounts.$select(account.id).statuses.list({ limit: 5 });
const listed = await statusesOf();

const list = await masto.v1.lists.create({ title: 'Friends' });
const lists = await masto.v1.lists.list();
const listDeletion = await removed(masto.v1.lists.$select(list.id));
const listsLeft = await masto.v1.lists.list();
const deletion = await removed(masto.v1.statuses.$select(posted.id));

/** `deleted`, or the status of the refusal. */
async function removed(resource) {
  try {
    await resource.remove();
  } catch (error) {
    // snac's answer to a deletion is empty, which masto.js takes for broken JSON.
    if (error.data !== '') return error.statusCode ?? String(error);
  }
  return 'deleted';
}

const ids = (all) => all.map(({ id }) => id);
console.log(
  JSON.stringify({
    ...{ account: account.username, media, posted, listed: ids(listed) },
    ...{ list: list.id, lists: ids(lists), listDeletion, listsLeft: ids(listsLeft) },
    ...{ deletion, left: ids(await statusesOf()) },
  }),
);
