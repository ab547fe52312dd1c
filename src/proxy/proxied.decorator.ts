import { applyDecorators } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiOperation, ApiParam, ApiResponse } from '@nestjs/swagger';
import { ApiProblems, problemContent } from '../http/api-problems.decorator.js';
import { Authenticated } from '../http/auth/access.js';
import { PolicyRefused } from '../http/auth/auth.errors.js';
import { ApiIdParam } from '../http/id.pipe.js';
import { AnyQuery } from '../http/known-query.guard.js';
import { UnparsedBody } from '../http/unparsed-body.js';
import { KeyPassesOn } from '../idempotency/key-passes-on.decorator.js';
import { NeedsReconnect } from '../platforms/platforms.errors.js';
import { InstanceFailed, InstanceTooSlow, CallerTooSlow } from './proxy.errors.js';

const DESCRIPTION = [
  'The instance gets method, path, query and body as they are, with the credential of the connection; its status, body and',
  'the usual headers come back. `Proxy-Status` (RFC 9209) says who has answered: `received-status` is the instance, `error`',
  'is this server. People and keys without a policy for methods may use GET and HEAD. See docs/proxy.md.',
].join('\n');

const PROXY_STATUS_HEADER = {
  'Proxy-Status': {
    description: 'RFC 9209: whose answer it is',
    schema: { type: 'string' as const, example: 'platform-manager; received-status=200' },
  },
};
const ANYTHING = { '*/*': { schema: {} } };

/** Of what the instance takes. */
export function ProxiedBody(): MethodDecorator {
  return applyDecorators(
    ApiConsumes('application/json', 'multipart/form-data', 'application/x-www-form-urlencoded', '*/*'),
    ApiBody({ required: false, schema: {}, description: 'Anything. Passed on as it comes, and not kept' }),
  );
}

/** A route that sends the request on to the instance of the connection. */
export function Proxied(summary: string): MethodDecorator {
  return applyDecorators(
    ApiOperation({ summary, description: DESCRIPTION }),
    ApiIdParam(),
    ApiParam({
      name: 'path',
      schema: { type: 'string', example: 'api/v1/accounts/verify_credentials' },
      description: 'The path at the instance. Slashes may be written as %2F, if all are',
    }),
    Authenticated('platforms:use'),
    AnyQuery(),
    UnparsedBody(),
    KeyPassesOn(),
    ApiResponse({
      status: 200,
      description: 'The answer of the instance',
      headers: PROXY_STATUS_HEADER,
      content: ANYTHING,
    }),
    ApiResponse({
      status: 'default',
      description: 'Any other status of the instance, with its body',
      headers: PROXY_STATUS_HEADER,
      content: ANYTHING,
    }),
    ApiProblems([400, 403, 404, 409, 413, 429, 503], new NeedsReconnect(), new PolicyRefused()),
    ...[
      new CallerTooSlow(),
      new InstanceFailed('destination_unavailable', 'The instance cannot be reached.'),
      new InstanceTooSlow(),
    ].map((problem) =>
      ApiResponse({
        status: problem.status,
        description: problem.title,
        headers: PROXY_STATUS_HEADER,
        content: problemContent(problem),
      }),
    ),
  );
}
