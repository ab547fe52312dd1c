import { hostOf } from './labels.js';

/** What was written by SQL may be anything. Only a web address is a link. */
export function InstanceLink({ url }: { readonly url: string }) {
  if (!/^https?:\/\//.test(url)) return <>{hostOf(url)}</>;
  return (
    <a href={url} target="_blank" rel="noopener noreferrer">
      {hostOf(url)}
    </a>
  );
}
