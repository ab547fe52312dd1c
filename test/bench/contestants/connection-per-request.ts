import { setTimeout as sleep } from 'node:timers/promises';
import { fastify } from 'fastify';
import pg from 'pg';

// What Platform Manager was made against: a session of the database for the whole of each request, of which the query
// is the least part; the rest is what a page does meanwhile.
const REST_OF_THE_PAGE_MS = 20;
/** As QueuePool's overflow and time-out were: who waits longer for a connection fails. */
const ACQUIRE_TIMEOUT_MS = 2000;

const pool = new pg.Pool({
  connectionString: process.env['DATABASE_URL'],
  max: Number(process.env['POOL_MAX']),
  connectionTimeoutMillis: ACQUIRE_TIMEOUT_MS,
});
pool.on('error', (error) => process.stderr.write(`${error.message}\n`));

const app = fastify();
app.get('/health/live', () => 'ok');
app.get('/list', async (request, reply) => {
  const session = await pool.connect();
  try {
    const { rows } = await session.query(
      'SELECT id, name, platform_type, instance_url FROM platform_connections WHERE user_id = $1',
      [Number(request.headers.authorization?.slice('Bearer '.length))],
    );
    await sleep(REST_OF_THE_PAGE_MS);
    return await reply.send(rows);
  } finally {
    session.release();
  }
});
await app.listen({ port: Number(process.env['PORT']), host: '127.0.0.1' });
