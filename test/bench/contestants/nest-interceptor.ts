import KeyvRedis from '@keyv/redis';
import { CacheInterceptor, CacheModule } from '@nestjs/cache-manager';
import { Controller, Get, Module, UseInterceptors } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';

// Nest's own way to cache a route: CacheInterceptor over the same Redis, by its documentation; nobody signed in.
const store = new KeyvRedis(process.env['REDIS_URL']);
store.on('error', (error: Error) => process.stderr.write(`${error.message}\n`));

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
  imports: [CacheModule.register({ stores: [store], ttl: 3_600_000 })],
  controllers: [ListController],
})
class ListModule {}

const app = await NestFactory.create<NestFastifyApplication>(ListModule, new FastifyAdapter(), {
  logger: false,
});
await app.listen(Number(process.env['PORT']), '127.0.0.1');
