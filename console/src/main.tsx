import { render } from 'preact';
import { App } from './app.js';
import { ReturnedPage } from './pages/returned.js';
import { pendingAttempt, pendingFailure, reasonOf } from './state/connect.js';
import './styles.css';

const place = document.getElementById('app');
if (place === null) throw new Error('index.html has no #app');

const query = new URLSearchParams(location.search);
const attempt = query.get('attempt');
const isReturned = attempt !== null || query.has('connect');
// An attempt works once, so it must be neither reloaded nor kept in the history.
if (isReturned) history.replaceState(null, '', location.pathname + location.hash);
const isNewTab = isReturned && query.has('tab');
if (isReturned && !isNewTab) {
  pendingAttempt.value = attempt;
  if (attempt === null) pendingFailure.value = reasonOf(query.get('code'));
}
render(isNewTab ? <ReturnedPage query={query} /> : <App />, place);
