import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { FastLane } from './fast-lane.js';
import { OtherMethods } from './other-methods.js';

@Module({
  imports: [DiscoveryModule],

  providers: [FastLane, OtherMethods],
  exports: [FastLane, OtherMethods],
})
export class HttpModule {}
