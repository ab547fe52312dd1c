import { once } from 'node:events';
import { journey } from './journey.mjs';

// Reports a line of JSON for each step; goes on to the end when standard input says so.
const [baseUrl = '', email = '', password = ''] = process.argv.slice(2);
/** @param {string} step @param {unknown} what */
const report = (step, what) => console.log(JSON.stringify({ step, what }));
report('runs on', process.version.split('.')[0]);
const finish = await journey({ baseUrl, email, password, report });
await once(process.stdin, 'data');
await finish();
process.exit();
