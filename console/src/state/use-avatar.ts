import { useEffect, useState } from 'preact/hooks';
import { api, ok } from '../api/client.js';

interface Avatar {
  /** In this page; null until the picture has come, and when it cannot be had. */
  readonly address: string | null;
  /** For a picture that the browser cannot draw. */
  readonly discard: () => void;
}

/** @param version of the connection: with another one the picture may be another too. */
export function useAvatar(id: number, hasAvatar: boolean, version: number): Avatar {
  const [address, setAddress] = useState<string | null>(null);

  useEffect(() => {
    if (!hasAvatar) return;
    const unwanted = new AbortController();
    let made: string | null = null;
    const { signal } = unwanted;
    const load = async (): Promise<void> => {
      const call = api.GET('/v1/platforms/{id}/avatar', {
        params: { path: { id } },
        parseAs: 'blob',
        signal,
      });
      const picture = await ok(call).catch(() => null);
      if (picture === null || signal.aborted) return;
      made = URL.createObjectURL(picture);
      setAddress(made);
    };
    void load();
    return () => {
      unwanted.abort();
      if (made !== null) URL.revokeObjectURL(made);
      setAddress(null);
    };
  }, [id, hasAvatar, version]);

  return { address, discard: () => setAddress(null) };
}
