import { Controller, Get, Headers, NotFoundException, Param, Res } from '@nestjs/common';
import {
  ApiExtraModels,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiProperty,
  ApiTags,
  getSchemaPath,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { PROBLEM_TYPES, listOfProblemTypes } from '../common/problem-types.js';
import { AppConfig } from '../config/app-config.js';
import { ApiProblems } from './api-problems.decorator.js';
import { Public } from './auth/access.js';
import { problemPage, problemsPage } from './problem-pages.js';
import { problemTypesAt } from './problem-type.js';

const CODES = Object.keys(PROBLEM_TYPES);
const HTML = 'text/html; charset=utf-8';
const HTML_CONTENT = { 'text/html': { schema: { type: 'string', example: '<!doctype html>' } } } as const;

export class ProblemTypeDto {
  @ApiProperty({ example: 'https://api.example.org/problems/duplicate_name' })
  type!: string;

  @ApiProperty({ enum: CODES, enumName: 'ProblemCode', example: 'duplicate_name' })
  code!: string;

  @ApiProperty({ type: 'integer', example: 409 })
  status!: number;

  @ApiProperty({ example: 'Name already used' })
  title!: string;

  @ApiProperty({ example: 'Another of your platform connections has this name.' })
  meaning!: string;
}

/** What the `type` of a problem leads to. */
@ApiTags('operation')
@ApiExtraModels(ProblemTypeDto)
@Controller('problems')
export class ProblemsController {
  readonly #types: readonly ProblemTypeDto[];

  constructor({ publicUrl }: AppConfig) {
    const at = problemTypesAt(publicUrl);
    this.#types = listOfProblemTypes().map((each) => ({ type: at + each.code, ...each }));
  }

  @Get()
  @Public()
  @ApiOperation({ summary: 'Every problem that the API can answer' })
  @ApiOkResponse({
    content: {
      'application/json': { schema: { type: 'array', items: { $ref: getSchemaPath(ProblemTypeDto) } } },
      ...HTML_CONTENT,
    },
  })
  list(
    @Headers('accept') accept: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): readonly ProblemTypeDto[] | string {
    return wantsHtml(accept, reply) ? problemsPage() : this.#types;
  }

  @Get(':code')
  @Public()
  @ApiOperation({ summary: 'What a problem means: the URL in its `type`' })
  @ApiParam({ name: 'code', schema: { type: 'string', example: 'duplicate_name' } })
  @ApiOkResponse({
    content: { 'application/json': { schema: { $ref: getSchemaPath(ProblemTypeDto) } }, ...HTML_CONTENT },
  })
  @ApiProblems([404])
  read(
    @Param('code') code: string,
    @Headers('accept') accept: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): ProblemTypeDto | string {
    const found = this.#types.find((each) => each.code === code);
    if (found === undefined) throw new NotFoundException();
    return wantsHtml(accept, reply) ? problemPage(found) : found;
  }
}

/** Browsers name HTML; programs mostly take anything. */
function wantsHtml(accept: string | undefined, reply: FastifyReply): boolean {
  // CORS has set `Vary: Origin` by now.
  reply.header('Vary', [reply.getHeader('Vary'), 'Accept'].filter(Boolean).join(', '));
  const html = accept?.includes('text/html') === true;
  if (html) reply.header('Content-Type', HTML);
  return html;
}
