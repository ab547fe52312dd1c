import { createServer } from 'node:http';
import { Controller, Get, Header, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';

// The limit: the same bytes as a constant, by the same framework without guard and cache, and by Node alone.
const body = process.env['BODY'] ?? '[]';
const port = Number(process.env['PORT']);

@Controller()
class ConstantController {
  @Get('health/live')
  live(): string {
    return 'ok';
  }

  @Get('constant')
  @Header('Content-Type', 'application/json; charset=utf-8')
  constant(): string {
    return body;
  }
}

@Module({ controllers: [ConstantController] })
class ConstantModule {}

if (process.env['KIND'] === 'node') {
  createServer((_request, response) => {
    response.setHeader('Content-Type', 'application/json; charset=utf-8');
    response.end(body);
  }).listen(port, '127.0.0.1');
} else {
  const app = await NestFactory.create<NestFastifyApplication>(ConstantModule, new FastifyAdapter(), {
    logger: false,
  });
  await app.listen(port, '127.0.0.1');
}
