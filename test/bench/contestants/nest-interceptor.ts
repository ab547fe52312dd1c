import { CacheInterceptor, CacheModule } from '@nestjs/cache-manager';
import { Controller, Get, Module, UseInterceptors } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { redisInsStore } from 'cache-manager-redis-yet';
import { KeyvAdapter } from 'cache-manager';
import { Keyv } from 'keyv';
import { createClient } from 'redis';

// Nest's own way to cache a route: CacheInterceptor over the same Redis, by its documentation; nobody signed in.
const client = createClient({
  url: process.env['REDIS_URL'],
  RESP: 2,
  commandOptions: { timeout: undefined },
});
client.on('error', (error: Error) => process.stderr.write(`${error.message}\n`));
await client.connect();
const store = redisInsStore(client as unknown as Parameters<typeof redisInsStore>[0]) as never;

@Controller()
class ListController {
  @Get('health/live')
  live(): string {
    return 'ok';
  }

  @Get('list')
  @UseInterceptors(CacheInterceptor)
  list(): unknown {
    return JSON.parse(process.env['BODY'] ?? '[]');
  }
}

@Module({
  imports: [CacheModule.register({ stores: new Keyv({ store: new KeyvAdapter(store) }), ttl: 3_600_000 })],
  controllers: [ListController],
})
class ListModule {}

const app = await NestFactory.create<NestFastifyApplication>(ListModule, new FastifyAdapter(), {
  logger: false,
});
await app.listen(Number(process.env['PORT']), '127.0.0.1');
