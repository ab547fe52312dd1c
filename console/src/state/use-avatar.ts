import { useEffect, useState } from 'preact/hooks';
import { api, ok } from '../api/client.js';

interface Avatar {
  /** Object URL of the picture; null while it loads, or if it cannot be loaded. */
  readonly address: string | null;
  /** Call this if the browser cannot display the picture. */
  readonly discard: () => void;
}

/** @param version version of the connection; a new version may have a new picture. */
export function useAvatar(id: number, hasAvatar: boolean, version: number): Avatar {
  const [address, setAddress] = useState<string | null>(null);

  useEffect(() => {
    if (!hasAvatar) return;
    const unwanted = new AbortController();
    let objectUrl: string | null = null;
    const { signal } = unwanted;
    const load = async (): Promise<void> => {
      const call = api.GET('/v1/platforms/{id}/avatar', {
        params: { path: { id } },
        parseAs: 'blob',
        signal,
      });
      const picture = await ok(call).catch(() => null);
      if (picture === null || signal.aborted) return;
      objectUrl = URL.createObjectURL(picture);
      setAddress(objectUrl);
    };
    void load();
    return () => {
      unwanted.abort();
      if (objectUrl !== null) URL.revokeObjectURL(objectUrl);
      setAddress(null);
    };
  }, [id, hasAvatar, version]);

  return { address, discard: () => setAddress(null) };
}
