import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { FastLane } from './fast-lane.js';

@Module({ imports: [DiscoveryModule], providers: [FastLane], exports: [FastLane] })
export class HttpModule {}
