import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  Body,
  type CallHandler,
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  Header,
  HttpCode,
  Injectable,
  Module,
  Param,
  type PipeTransform,
  Post,
  Put,
  Query,
  Scope,
  SetMetadata,
  type Type,
  UseGuards,
  createParamDecorator,
} from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { IsString } from 'class-validator';
import type { FastifyRequest } from 'fastify';
import { problem, InvalidField } from '../common/domain-error.js';
import { AppConfig } from '../config/app-config.js';
import { ConfigModule } from '../config/config.module.js';
import { Authenticated } from './auth/access.js';
import { FastLane } from './fast-lane.decorator.js';
import { FastLane as Lane } from './fast-lane.js';
import type { FastLaneInterceptor, NoFastLane } from './fast-lane.js';
import { HttpModule } from './http.module.js';
import type { RawReply } from './raw-reply.js';
import { validationPipe } from './validation.js';

/** What was called, in order. */
let calls: string[] = [];
const Rule = (rule: string) => SetMetadata('rule', rule);

class Refused extends problem(403, 'forbidden', 'Not allowed') {}

function ruleOf(context: ExecutionContext): unknown {
  return Reflect.getMetadata('rule', context.getHandler());
}

@Injectable()
class FirstGuard implements CanActivate {
  async canActivate(context: ExecutionContext): Promise<boolean> {
    calls.push(`first guard of ${context.getClass().name}: ${String(ruleOf(context))}`);
    return true;
  }
}

@Injectable()
class SecondGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    calls.push('second guard');
    const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, string> }>();
    if (headers['x-refuse'] !== undefined) throw new Refused('not today');
    return headers['x-deny'] === undefined;
  }
}

@Injectable()
class JsonInterceptor implements FastLaneInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler) {
    calls.push('pipeline');
    return next.handle();
  }

  toRawReply(result: unknown): RawReply {
    calls.push('lane');
    return { status: 200, headers: ['x-lane', 'yes'], body: JSON.stringify(result) };
  }
}

@Injectable()
class NumberPipe implements PipeTransform<string, number> {
  transform(text: string, { data }: { data?: string | undefined }): number {
    if (!/^\d+$/.test(text)) throw new InvalidField([{ pointer: `#${data}`, detail: 'must be digits' }]);
    return Number(text);
  }
}

const Agent = createParamDecorator(
  (_data: unknown, context: ExecutionContext): string =>
    context.switchToHttp().getRequest<{ headers: Record<string, string> }>().headers['user-agent'] ?? '',
);

class Change {
  @IsString()
  name!: string;
}

/** Runs around the handler of a POST on the lane, and takes those with `x-pipeline` away from it. */
@Injectable()
class Beside implements NoFastLane {
  readonly skipsFastLane = true;

  intercept(_context: ExecutionContext, next: CallHandler) {
    calls.push('beside, in the pipeline');
    return next.handle();
  }

  needsPipeline({ headers }: FastifyRequest): boolean {
    return headers['x-pipeline'] !== undefined;
  }

  onLane<T>(_request: FastifyRequest, work: () => T): T {
    calls.push('beside');
    return work();
  }
}

@Controller('things')
class ThingsController {
  readonly own = 'this';

  @Get(':id')
  @FastLane()
  @Rule('read')
  one(
    @Query('verbose') verbose: string,
    @Agent() agent: string,
    @Param('id', NumberPipe) id: number,
  ): Promise<unknown> {
    calls.push('handler');
    if (id === 500) return Promise.reject(new Error('a secret detail'));
    return Promise.resolve({ id, verbose: verbose ?? null, agent, own: this.own });
  }

  @Get()
  all(): unknown[] {
    return [];
  }

  @Post(':id')
  @FastLane()
  @HttpCode(200)
  change(@Param('id', NumberPipe) id: number, @Body() body: Change): unknown {
    calls.push('handler');
    return { id, body, isChange: body instanceof Change };
  }
}

let app: NestFastifyApplication | undefined;

async function start(
  controller: Type,
  interceptors: Type[] = [JsonInterceptor],
): Promise<NestFastifyApplication> {
  @Module({
    imports: [ConfigModule.forRoot({ production: false } as AppConfig), HttpModule],
    controllers: [controller],
    providers: [
      NumberPipe,
      { provide: APP_GUARD, useClass: FirstGuard },
      { provide: APP_GUARD, useClass: SecondGuard },
      ...interceptors.map((useClass) => ({ provide: APP_INTERCEPTOR, useClass })),
    ],
  })
  class TestModule {}
  const testing = await Test.createTestingModule({ imports: [TestModule] }).compile();
  app = testing.createNestApplication<NestFastifyApplication>(new FastifyAdapter(), { logger: false });
  app.useGlobalPipes(validationPipe());
  const fastify = app.getHttpAdapter().getInstance();
  app.get(Lane).attach(fastify);
  await app.init();
  await fastify.ready();
  return app;
}

beforeEach(() => {
  calls = [];
});
afterEach(async () => {
  await app?.close();
  app = undefined;
});

describe('a handler on the fast lane', () => {
  it('is called after the guards, with what its parameter decorators say, and past the pipeline', async () => {
    const { statusCode, headers, body } = await (
      await start(ThingsController)
    ).inject({
      url: '/things/7?verbose=yes',
      headers: { 'user-agent': 'spec' },
    });
    expect(JSON.parse(body)).toEqual({ id: 7, verbose: 'yes', agent: 'spec', own: 'this' });
    expect([statusCode, headers['x-lane'], headers['x-content-type-options']]).toEqual([
      200,
      'yes',
      'nosniff',
    ]);
    expect(headers['x-request-id']).toBeDefined();
    expect(calls).toEqual(['first guard of ThingsController: read', 'second guard', 'handler', 'lane']);
  });

  it.each([
    ['a guard that throws', '/things/7', { 'x-refuse': '1' }, 403, ['second guard']],
    ['a pipe that throws', '/things/x', {}, 400, ['second guard']],
    ['a handler that rejects', '/things/500', {}, 500, ['second guard', 'handler']],
  ])('answers %s with problem+json', async (_what, url, headers, status, last) => {
    const answer = await (await start(ThingsController)).inject({ url, headers });
    expect(answer.statusCode).toBe(status);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(answer.body).not.toContain('secret detail');
    expect(calls).toEqual(['first guard of ThingsController: read', ...last]);
  });

  it('does not run for a guard that says no', async () => {
    const { body } = await (
      await start(ThingsController)
    ).inject({ url: '/things/7', headers: { 'x-deny': '1' } });
    expect(body).not.toContain('"own"');
    expect(calls).not.toContain('handler');
  });

  it('leaves handlers that are not marked to the pipeline', async () => {
    const started = await start(ThingsController);
    await started.inject({ url: '/things' });
    expect(calls).toContain('pipeline');
    expect(calls).not.toContain('lane');
  });

  it('answers HEAD too', async () => {
    const started = await start(ThingsController);
    await started.inject({ method: 'HEAD', url: '/things/7' });
    expect(calls).toContain('lane');
    expect(calls).not.toContain('pipeline');
  });
});

describe('a POST on the fast lane', () => {
  const post = async (payload: object, headers: Record<string, string> = {}) =>
    (await start(ThingsController, [Beside, JsonInterceptor])).inject({
      method: 'POST',
      url: '/things/7',
      payload,
      headers,
    });

  it('gets its body as the class that it declares, and runs within the other interceptors', async () => {
    const answer = await post({ name: 'a' });
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({ id: 7, body: { name: 'a' }, isChange: true });
    expect(calls).toEqual([
      'first guard of ThingsController: undefined',
      'second guard',
      'beside',
      'handler',
      'lane',
    ]);
  });

  it.each([
    ['a field of another type', { name: 1 }, '/name'],
    ['an unknown field', { name: 'a', more: 1 }, '/more'],
    ['no object', [], ''],
  ])('refuses %s as the pipeline does', async (_what, payload, pointer) => {
    const answer = await post(payload);
    expect(answer.statusCode).toBe(400);
    expect(answer.json<{ errors: { pointer: string }[] }>().errors).toEqual([
      expect.objectContaining({ pointer }),
    ]);
    const byPipe = validationPipe().transform(payload, { type: 'body', metatype: Change });
    await expect(byPipe).rejects.toMatchObject({ errors: answer.json<{ errors: unknown }>().errors });
    expect(calls).not.toContain('handler');
  });

  it('goes through the pipeline when an interceptor asks for that', async () => {
    expect((await post({ name: 'a' }, { 'x-pipeline': 'yes' })).statusCode).toBe(200);
    expect(calls).toContain('beside, in the pipeline');
    expect(calls).not.toContain('lane');
  });
});

describe('the start fails on a fast-lane handler', () => {
  @Controller('refused')
  class WithGuard {
    @Get()
    @FastLane()
    @UseGuards(SecondGuard)
    read(): void {}
  }
  @Controller('refused')
  class WithStatus {
    @Get()
    @FastLane()
    @HttpCode(202)
    read(): void {}
  }
  @Controller('refused')
  class WithHeader {
    @Get()
    @FastLane()
    @Header('X-More', '1')
    read(): void {}
  }
  @Controller('refused')
  class WithPut {
    @Put()
    @FastLane()
    read(): void {}
  }
  @Controller('refused')
  class WithCreated {
    @Post()
    @FastLane()
    read(): void {}
  }
  @Controller('refused')
  class WithPlainBody {
    @Post()
    @FastLane()
    @HttpCode(200)
    read(@Body() _body: object): void {}
  }
  @Controller('refused')
  class ForAdministrators {
    @Get()
    @FastLane()
    @Authenticated('admin')
    read(): void {}
  }
  @Controller('refused')
  class WithWholeQuery {
    @Get()
    @FastLane()
    read(@Query() _query: object): void {}
  }
  @Controller('refused')
  class WithClass {
    @Get()
    @FastLane()
    read(@Query('at') _at: Date): void {}
  }
  @Controller('refused')
  class WithAsyncPipe {
    @Get(':id')
    @FastLane()
    read(@Param('id', { transform: async () => 1 }) _id: number): void {}
  }
  @Controller({ path: 'refused', scope: Scope.REQUEST })
  class OfEachRequest {
    @Get()
    @FastLane()
    read(): void {}
  }
  @Controller(['refused', 'twice'])
  class WithTwoPaths {
    @Get()
    @FastLane()
    read(): void {}
  }

  it.each([
    [WithGuard, '@UseGuards()'],
    [WithStatus, 'absent otherwise'],
    [WithHeader, '@Header()'],
    [WithPut, 'neither GET nor POST'],
    [WithCreated, '@HttpCode() must be 200'],
    [WithPlainBody, 'body without rules'],
    [WithWholeQuery, 'has no name'],
    [WithClass, 'string, number or boolean'],
    [WithAsyncPipe, 'asynchronous pipe'],
    [OfEachRequest, 'for each request'],
    [WithTwoPaths, 'no such route'],
    [ForAdministrators, 'has to be recorded'],
  ])('%p', async (controller, why) => {
    await expect(start(controller)).rejects.toThrow(new RegExp(`${controller.name}.read.*${escaped(why)}`));
  });

  it('of a POST, when another interceptor does not say what to do for it', async () => {
    class Elsewhere extends JsonInterceptor {
      readonly skipsFastLane = true;
    }
    await expect(start(ThingsController, [JsonInterceptor, Elsewhere])).rejects.toThrow(
      'Elsewhere does not say what a POST needs',
    );
  });

  it('without exactly one global interceptor that can work without observables', async () => {
    class Other extends JsonInterceptor {}
    await expect(start(ThingsController, [])).rejects.toThrow('one global interceptor');
    await expect(start(ThingsController, [JsonInterceptor, Other])).rejects.toThrow('one global interceptor');
    await expect(start(ThingsController, [JsonInterceptor, Beside])).resolves.toBeDefined();
  });
});

function escaped(text: string): string {
  return text.replaceAll(/[()]/g, '\\$&');
}
