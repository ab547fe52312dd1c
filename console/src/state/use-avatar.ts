import type { RefObject } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { api, ok } from '../api/client.js';

interface Avatar {
  /** Object URL of the picture; null while it loads, or if it cannot be loaded. */
  readonly address: string | null;
  /** Call this if the browser cannot display the picture. */
  readonly discard: () => void;
  /** Where it is shown: it is loaded once that comes near the visible part of the page. */
  readonly place: RefObject<HTMLSpanElement | null>;
}

/** @param version version of the connection; a new version may have a new picture. */
export function useAvatar(id: number, hasAvatar: boolean, version: number): Avatar {
  const [address, setAddress] = useState<string | null>(null);
  const place = useRef<HTMLSpanElement>(null);

  useEffect(() => {
    if (!hasAvatar || place.current === null) return;
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
    const observer = new IntersectionObserver((entries) => {
      if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
      observer.disconnect();
      void load();
    });
    observer.observe(place.current);
    return () => {
      observer.disconnect();
      unwanted.abort();
      if (objectUrl !== null) URL.revokeObjectURL(objectUrl);
      setAddress(null);
    };
  }, [id, hasAvatar, version]);

  return { address, discard: () => setAddress(null), place };
}
