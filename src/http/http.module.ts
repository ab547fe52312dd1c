import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { FastLane } from './fast-lane.js';
import { OtherMethods } from './other-methods.js';
import { ProblemsController } from './problems.controller.js';

@Module({
  imports: [DiscoveryModule],
  controllers: [ProblemsController],
  providers: [FastLane, OtherMethods],
  exports: [FastLane, OtherMethods],
})
export class HttpModule {}
