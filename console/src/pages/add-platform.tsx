import { useState } from 'preact/hooks';
import { useLookup } from '../api/use-lookup.js';
import { Dialog } from '../ui/dialog.js';
import { ByOAuth } from './by-oauth.js';
import { ByToken } from './by-token.js';

interface AddProps {
  readonly onClose: () => void;
}

export function AddPlatform({ onClose }: AddProps) {
  const [way, setWay] = useState<'oauth' | 'token'>('oauth');
  const [typed, setTyped] = useState('');
  const lookup = useLookup(typed);
  const common = { typed, onType: setTyped, lookup, onClose };
  return (
    <Dialog title="Add a platform" onClose={onClose}>
      <fieldset class="ways">
        <legend>Method</legend>
        <label>
          <input type="radio" name="way" checked={way === 'oauth'} onChange={() => setWay('oauth')} /> Log in
          at the instance
        </label>
        <label>
          <input type="radio" name="way" checked={way === 'token'} onChange={() => setWay('token')} /> With an
          access token
        </label>
      </fieldset>
      {way === 'oauth' ? <ByOAuth {...common} /> : <ByToken {...common} />}
    </Dialog>
  );
}
