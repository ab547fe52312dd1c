import { api, ok, user } from '../api/client.js';
import { say } from '../state/messages.js';
import { Confirm } from '../ui/confirm.js';
import { Field } from '../ui/fields.js';

interface ActionProps {
  readonly onClose: () => void;
}

export function WarmCache({ onClose }: ActionProps) {
  return (
    <Confirm
      title="Warm the cache?"
      action="Warm"
      fields={['users']}
      onClose={onClose}
      onConfirm={async ({ users = '' }) => {
        const started = await ok(api.POST('/v1/admin/cache/warm', { body: { users: Number(users) } }));
        say(`Warming the entries of up to ${started.users} users.`);
      }}
    >
      {(errorOf) => (
        <>
          <p>
            Loads the entries of the most recently active users, in the background and at lower priority than
            requests.
          </p>
          <Field
            name="users"
            type="number"
            label="Users"
            defaultValue="100"
            required
            error={errorOf('users')}
          />
        </>
      )}
    </Confirm>
  );
}

export function DropCache({ onClose }: ActionProps) {
  return (
    <Confirm
      title="Drop a user's cached entries?"
      action="Drop"
      danger
      fields={['id']}
      onClose={onClose}
      onConfirm={async ({ id = '' }) => {
        await ok(api.DELETE('/v1/admin/cache/users/{id}', { params: { path: { id: Number(id) } } }));
        say(`Dropped the cached entries of user ${id}.`);
      }}
    >
      {(errorOf) => (
        <>
          <p>No data is lost: the next reads load it from the database.</p>
          <Field
            name="id"
            type="number"
            label="User ID"
            defaultValue={String(user.value?.id ?? '')}
            required
            error={errorOf('id')}
          />
        </>
      )}
    </Confirm>
  );
}
