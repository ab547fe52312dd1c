import { useState } from 'preact/hooks';
import { api, ok } from '../api/client.js';
import { usePolled } from '../api/use-polled.js';
import { messageOf, say } from '../state/messages.js';
import { Confirm } from '../ui/confirm.js';
import { Copied } from '../ui/copied.js';
import { Dialog } from '../ui/dialog.js';
import { Loaded } from '../ui/loaded.js';
import { Time } from '../ui/time.js';
import { SetUpAuthenticator } from './set-up-authenticator.js';

type Step = 'set-up' | 'remove' | { readonly codes: readonly string[] };

/** The second factor of the account: an app that shows codes. */
export function Authenticator() {
  const [attempt, setAttempt] = useState(0);
  const [step, setStep] = useState<Step | null>(null);
  const [fault, setFault] = useState<string | null>(null);
  const polled = usePolled(() => ok(api.GET('/v1/me/totp')), [attempt], 60_000);

  function show(codes: readonly string[]): void {
    setStep({ codes });
    setAttempt(attempt + 1);
  }

  async function renew(): Promise<void> {
    setFault(null);
    try {
      show((await ok(api.POST('/v1/me/totp/recovery-codes'))).recoveryCodes);
    } catch (error) {
      setFault(messageOf(error));
    }
  }

  return (
    <section class="panel" aria-labelledby="authenticator">
      <h2 id="authenticator">Authenticator app</h2>
      <Loaded polled={polled} what="your second factor">
        {({ since, recoveryCodesLeft }) =>
          since === null ? (
            <>
              <p class="hint">
                Off. With an app that shows codes, nobody can log in with your password alone.
              </p>
              <div class="buttons">
                <button type="button" onClick={() => setStep('set-up')}>
                  Set up an app
                </button>
              </div>
            </>
          ) : (
            <>
              <p>
                On. Set up <Time at={since} none="" />. Recovery codes left: {recoveryCodesLeft}.
              </p>
              <div class="buttons">
                <button type="button" onClick={() => void renew()}>
                  Make new recovery codes
                </button>
                <button type="button" onClick={() => setStep('remove')}>
                  Turn off
                </button>
              </div>
            </>
          )
        }
      </Loaded>
      {fault !== null && (
        <p class="notice bad" role="alert">
          {fault}
        </p>
      )}
      {step === 'set-up' && <SetUpAuthenticator onClose={() => setStep(null)} onCodes={show} />}
      {step === 'remove' && (
        <Confirm
          title="Turn off the authenticator app?"
          action="Turn off"
          danger
          onClose={() => setStep(null)}
          onConfirm={async () => {
            await ok(api.DELETE('/v1/me/totp'));
            say('The authenticator app is off. The password alone logs you in.');
            setAttempt(attempt + 1);
          }}
        >
          {() => <p>Then your password alone is enough to log in. The recovery codes go too.</p>}
        </Confirm>
      )}
      {typeof step === 'object' && step !== null && (
        <Dialog title="Keep these recovery codes" onClose={() => setStep(null)}>
          <p>
            Each logs you in once if you lose the app. They are shown only now: print them, or save them
            elsewhere.
          </p>
          <Copied
            id="recovery-codes"
            label="Recovery codes"
            text={step.codes.join('\n')}
            onDone={() => setStep(null)}
          />
        </Dialog>
      )}
    </section>
  );
}
