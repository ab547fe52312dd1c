import {
  Cable,
  ChartColumn,
  Gauge,
  History,
  type IconNode,
  KeyRound,
  Link,
  Network,
  Server,
  UserRound,
  Users,
  Webhook,
  Zap,
} from 'lucide';
import { ADMIN_PAGES, PAGES, type PageEntry, type PageTarget } from '../state/pages.js';
import { hrefOf, page } from '../state/route.js';
import { Icon } from './icon.js';

const ICONS: Readonly<Record<PageTarget, IconNode>> = {
  platforms: Cable,
  stats: ChartColumn,
  'api-keys': KeyRound,
  webhooks: Webhook,
  'connect-links': Link,
  activity: History,
  account: UserRound,
  overview: Gauge,
  connections: Network,
  users: Users,
  cache: Zap,
  system: Server,
};

export function Navigation({ isAdmin }: { readonly isAdmin: boolean }) {
  return (
    <nav aria-label="Pages">
      <ul>{PAGES.map(toItem)}</ul>
      {isAdmin && (
        <>
          <p id="administration">Administration</p>
          <ul aria-labelledby="administration">{ADMIN_PAGES.map(toItem)}</ul>
        </>
      )}
    </nav>
  );
}

function toItem({ target, label }: PageEntry & { readonly target: PageTarget }) {
  const isHere = page.value === target;
  const isAbove = page.value.startsWith(`${target}/`);
  return (
    <li key={target}>
      <a href={hrefOf(target)} {...((isHere || isAbove) && { 'aria-current': isHere ? 'page' : 'true' })}>
        <Icon node={ICONS[target]} />
        {label}
      </a>
    </li>
  );
}
