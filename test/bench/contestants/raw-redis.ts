import { createClient } from '@redis/client';
import { fastify } from 'fastify';

// What a read from Redis costs at the least: Fastify and one GET, nobody signed in, nothing verified.
const client = createClient({
  url: process.env['REDIS_URL'],
  RESP: 2,
  commandOptions: { timeout: undefined },
});
client.on('error', (error: Error) => process.stderr.write(`${error.message}\n`));
await client.connect();

const app = fastify();
app.get('/health/live', () => 'ok');
app.get('/list', async (_request, reply) => {
  const raw = await client.get(process.env['KEY'] ?? '');
  return reply
    .header('Content-Type', 'application/json; charset=utf-8')
    .send(raw?.split('\n', 1)[0] ?? 'null');
});
await app.listen({ port: Number(process.env['PORT']), host: '127.0.0.1' });
