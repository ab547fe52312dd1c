import { useState } from 'preact/hooks';
import { type Notices, api, ok } from '../api/client.js';
import { usePolled } from '../api/use-polled.js';
import { say } from '../state/messages.js';
import { Form } from '../ui/form.js';
import { Loaded } from '../ui/loaded.js';

const WORDS: Readonly<Record<keyof Notices, string>> = {
  newSignIn: 'A login from a device that had not been there before',
  apiKeyMade: 'An API key is made',
  credentialsRevealed: 'An API key reads credentials for the first time',
  connections: 'Connections stop working, or work again (at most one message an hour)',
};
const NAMES = Object.keys(WORDS) as (keyof Notices)[];

/** Which messages the person gets by mail. */
export function MailNotices() {
  const [times, setTimes] = useState(0);
  const polled = usePolled(
    async () => ({
      chosen: await ok(api.GET('/v1/me/notices')),
      account: await ok(api.GET('/v1/me')),
    }),
    [times],
    600_000,
  );
  return (
    <section class="panel" aria-labelledby="mail-notices">
      <h2 id="mail-notices">Messages by mail</h2>
      <Loaded polled={polled} what="what you are told by mail">
        {({ chosen, account: { emailVerified } }) => (
          <>
            {!emailVerified && (
              <p class="notice waiting">Confirm your e-mail address first: messages go to no other.</p>
            )}
            <Form
              key={JSON.stringify(chosen)}
              fields={[]}
              submitLabel="Save"
              onSubmit={async (values) => {
                const entries = NAMES.map((name) => [name, values[name] === 'on']);
                await ok(api.PUT('/v1/me/notices', { body: Object.fromEntries(entries) as Notices }));
                say('Your choice is saved.');
                setTimes(times + 1);
              }}
            >
              {() => (
                <fieldset>
                  <legend>Tell me when</legend>
                  {NAMES.map((name) => (
                    <label key={name} class="check">
                      <input type="checkbox" name={name} defaultChecked={chosen[name]} /> {WORDS[name]}
                    </label>
                  ))}
                </fieldset>
              )}
            </Form>
          </>
        )}
      </Loaded>
    </section>
  );
}
