import { Menu, X } from 'lucide';
import { useRef } from 'preact/hooks';
import { type User, absent, session, sessionEnd, user } from '../api/client.js';
import { liveness } from '../state/live.js';
import { Icon } from './icon.js';
import { Navigation } from './navigation.js';
import { Palette } from './palette.js';

const LIVENESS_LABELS = { live: 'Live', connecting: 'Connecting…', polling: 'Every 15 s' };
const MENU = 'menu';

/** At the left of a wide window. Across a narrow one, with a menu of the pages. */
export function Header() {
  const person = user.value ?? absent.value;
  return (
    <header class={person === null ? 'top' : 'top side'}>
      <p class="brand">Platform Manager</p>
      {person !== null && (
        <>
          {user.value !== null && <Palette />}
          <button type="button" class="opens-menu" popovertarget={MENU}>
            <Icon node={Menu} /> Menu
          </button>
          <Pages person={person} />
        </>
      )}
    </header>
  );
}

/** A popover: the browser opens it, moves the focus through it, and closes it by Escape or a press elsewhere. */
function Pages({ person }: { readonly person: Pick<User, 'email' | 'role'> }) {
  const menu = useRef<HTMLDivElement>(null);
  return (
    <div
      ref={menu}
      id={MENU}
      class="pages-menu"
      popover="auto"
      onClick={({ target }) => {
        if (target instanceof Element && target.closest('a') !== null) menu.current?.hidePopover();
      }}
    >
      <button type="button" class="closes-menu" popovertarget={MENU} popovertargetaction="hide">
        <Icon node={X} /> Close
      </button>
      <Navigation isAdmin={person.role === 'admin'} />
      <div class="account">
        <span class="email">{person.email}</span>
        <span class={`liveness ${liveness.value}`} title="How this page receives changes made elsewhere">
          {LIVENESS_LABELS[liveness.value]}
        </span>
        <button type="button" onClick={() => void signOut()}>
          Log out
        </button>
      </div>
    </div>
  );
}

async function signOut(): Promise<void> {
  try {
    await session.signOut();
  } catch {
    sessionEnd.value =
      'The server did not answer, so this device stays logged in. Reload this page when it answers, and log out again.';
  }
}
