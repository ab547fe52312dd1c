import { type Replacement } from '../state/connect.js';
import { platforms } from '../state/platforms.js';
import { Confirm } from '../ui/confirm.js';

/** Asks before a connection gets the token of an account that came back although it is connected already. */
export function ConfirmReplace({ platformId, username, decide }: Replacement) {
  const name = platforms.value?.find(({ id }) => id === platformId)?.name;
  return (
    <Confirm
      title={`@${username} is connected already`}
      action="Use the new token"
      onConfirm={async () => decide(true)}
      onClose={() => decide(false)}
    >
      {() => (
        <>
          <p>
            The instance sent you back with @{username}. {name === undefined ? 'Its connection' : `“${name}”`}{' '}
            can use the new token instead of the one that it has.
          </p>
          <p>If you meant another account, cancel, log out at the instance, and start again.</p>
        </>
      )}
    </Confirm>
  );
}
