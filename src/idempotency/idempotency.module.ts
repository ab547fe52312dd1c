import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { KeyedRequest } from './keyed-request.entity.js';
import { KeyedRequests } from './keyed-requests.js';

@Global()
@Module({
  imports: [TypeOrmModule.forFeature([KeyedRequest])],
  providers: [KeyedRequests],
  exports: [KeyedRequests],
})
export class IdempotencyModule {}
