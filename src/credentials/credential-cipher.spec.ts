import { describe, expect, it } from '@jest/globals';
import { FernetKey } from '../crypto/fernet.js';
import { KeyRing } from '../crypto/key-ring.js';
import { CredentialCipher, type Credentials, type CredentialsOwner } from './credential-cipher.js';

const [newKey, oldKey] = [FernetKey.parse(FernetKey.generate()), FernetKey.parse(FernetKey.generate())];
const ring = new KeyRing([newKey, oldKey]);
const cipher = new CredentialCipher(ring);
const owner: CredentialsOwner = {
  userId: 7,
  id: 42,
  instanceUrl: 'https://mastodon.social',
  username: 'alice',
};
const credentials: Credentials = {
  accessToken: 'the-access-token',
  clientKey: 'the-client-key',
  clientSecret: 'the-client-secret',
};

describe('CredentialCipher', () => {
  it.each<[string, Credentials]>([
    ['all three', credentials],
    ['the access token alone', { ...credentials, clientKey: null, clientSecret: null }],
    ['an empty secret, which is not an absent one', { ...credentials, clientSecret: '' }],
  ])('gives back %s', (_, given) => {
    expect(cipher.decrypt(owner, cipher.encrypt(owner, given))).toEqual(given);
  });

  it('encrypts under the newest key, names it, and never twice alike', () => {
    const [one, other] = [cipher.encrypt(owner, credentials), cipher.encrypt(owner, credentials)];
    expect(one.keyId).toBe(newKey.id);
    expect(one.accessToken).not.toBe(other.accessToken);
    expect(JSON.stringify(one)).not.toMatch(/the-access-token|the-client/);
  });

  it('opens what an older key of the ring has sealed', () => {
    const old = new CredentialCipher(new KeyRing([oldKey])).encrypt(owner, credentials);
    expect(cipher.decrypt(owner, old)).toEqual(credentials);
  });

  it.each<[string, Partial<CredentialsOwner>]>([
    ['another user', { userId: 8 }],
    ['another connection', { id: 43 }],
    ['another host', { instanceUrl: 'https://evil.example' }],
    ['another account', { username: 'mallory' }],
  ])('opens nothing for %s', (_, other) => {
    const sealed = cipher.encrypt(owner, credentials);
    expect(cipher.isIntact(owner, sealed)).toBe(true);
    expect(cipher.isIntact({ ...owner, ...other }, sealed)).toBe(false);
    expect(cipher.decrypt({ ...owner, ...other }, sealed)).toBeNull();
  });

  it('opens nothing when ciphertexts were swapped, removed or taken from another row', () => {
    const sealed = cipher.encrypt(owner, credentials);
    const foreign = cipher.encrypt({ ...owner, id: 43 }, credentials);
    for (const changed of [
      { ...sealed, accessToken: sealed.clientSecret ?? '', clientSecret: sealed.accessToken },
      { ...sealed, clientKey: null },
      { ...sealed, accessToken: foreign.accessToken },
      { ...sealed, seal: foreign.seal },
      { ...sealed, seal: null },
      { ...sealed, seal: '' },
      foreign,
    ]) {
      expect(cipher.decrypt(owner, changed)).toBeNull();
    }
  });

  it('seals the same ciphertexts for another username, under the key that they have, and only what was intact', () => {
    const old = new CredentialCipher(new KeyRing([oldKey])).encrypt(owner, credentials);
    const renamed = { ...owner, username: 'bob' };
    const seal = cipher.reseal(owner, old, 'bob');
    expect(cipher.decrypt(renamed, { ...old, seal })).toEqual(credentials);
    expect(cipher.decrypt(owner, { ...old, seal })).toBeNull();
    for (const broken of ['broken', null])
      expect(cipher.reseal(owner, { ...old, seal: broken }, 'bob')).toBe(broken);
  });

  it('opens nothing when the key has left the ring', () => {
    const sealed = cipher.encrypt(owner, credentials);
    const without = new CredentialCipher(new KeyRing([oldKey]));
    expect(without.isIntact(owner, sealed)).toBe(false);
    expect(without.decrypt(owner, sealed)).toBeNull();
  });

  it('has null, not an error, for an intact row that no key opens: a reported state', () => {
    const lost = new CredentialCipher(new KeyRing([FernetKey.parse(FernetKey.generate())]));
    const { accessToken, clientKey, clientSecret } = lost.encrypt(owner, credentials);
    const seal = ring.seal({
      userId: 7,
      platformId: 42,
      instanceUrl: owner.instanceUrl,
      username: owner.username,
      accessToken,
      clientKey,
      clientSecret,
    });
    expect(
      cipher.decrypt(owner, { accessToken, clientKey, clientSecret, keyId: newKey.id, seal }),
    ).toBeNull();
  });
});
