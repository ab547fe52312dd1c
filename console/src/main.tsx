import { render } from 'preact';
import { BASE } from './api/base.js';
import { App } from './app.js';
import { ConnectLinkPage } from './pages/connect-link.js';
import { ReturnedPage } from './pages/returned.js';
import { pendingAttempt, pendingFailure, reasonOf } from './state/connect.js';
import './styles.css';

const place = document.getElementById('app');
if (place === null) throw new Error('index.html has no #app');

const query = new URLSearchParams(location.search);
const attempt = query.get('attempt');
const isReturned = attempt !== null || query.get('connect') === 'failed';
// An attempt works once, so it must be neither reloaded nor kept in the history.
if (isReturned) history.replaceState(null, '', location.pathname + location.hash);
const isGuest = location.pathname === `${BASE}/console/connect`;
const isNewTab = isReturned && query.has('tab');
if (isReturned && !isNewTab && !isGuest) {
  pendingAttempt.value = attempt;
  if (attempt === null) pendingFailure.value = reasonOf(query.get('code'));
}
render(
  isGuest ? <ConnectLinkPage query={query} /> : isNewTab ? <ReturnedPage query={query} /> : <App />,
  place,
);
