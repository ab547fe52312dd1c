import KeyvRedis from '@keyv/redis';
import { BentoCache, bentostore } from 'bentocache';
import { redisDriver } from 'bentocache/drivers/redis';
import { Cacheable } from 'cacheable';
import { fastify } from 'fastify';
import { Redis } from 'ioredis';

// Read-through by the libraries that one would take otherwise, over the same Redis and without their own memory, which
// would answer what another process has changed; nobody signed in.
const body = process.env['BODY'] ?? '[]';
const url = process.env['REDIS_URL'] ?? '';
const load = (): Promise<unknown> => Promise.resolve(JSON.parse(body));

function bento(): () => Promise<unknown> {
  const connection = new Redis(url);
  connection.on('error', (error: Error) => process.stderr.write(`${error.message}\n`));
  const cache = new BentoCache({
    default: 'redis',
    stores: { redis: bentostore().useL2Layer(redisDriver({ connection })) },
  });
  return () => cache.getOrSet({ key: 'list', ttl: '1h', factory: load });
}

function cacheable(): () => Promise<unknown> {
  const store = new KeyvRedis(url);
  const cache = new Cacheable({ primary: store as never, ttl: 3_600_000 });
  cache.on('error', (error: Error) => process.stderr.write(`${error.message}\n`));
  return () => cache.getOrSet('list', load);
}

const read = process.env['KIND'] === 'bento' ? bento() : cacheable();
const app = fastify();
app.get('/health/live', () => 'ok');
app.get('/list', async (_request, reply) => reply.send(await read()));
await app.listen({ port: Number(process.env['PORT']), host: '127.0.0.1' });
