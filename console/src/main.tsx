import { render } from 'preact';
import { App } from './app.js';
import { ReturnedPage } from './pages/returned.js';
import './styles.css';

const place = document.getElementById('app');
if (place === null) throw new Error('index.html has no #app');

const query = new URLSearchParams(location.search);
const isReturned = query.has('attempt') || query.has('connect');
// An attempt works once, so it must be neither reloaded nor kept in the history.
if (isReturned) history.replaceState(null, '', location.pathname + location.hash);
render(isReturned ? <ReturnedPage query={query} /> : <App />, place);
