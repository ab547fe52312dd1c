import { render } from 'preact';
import { App } from './app.js';
import { ReturnedPage } from './pages/returned.js';
import './styles.css';

const place = document.getElementById('app');
if (place === null) throw new Error('index.html has no #app');

const query = new URLSearchParams(location.search);
render(query.has('connect') ? <ReturnedPage query={query} /> : <App />, place);
