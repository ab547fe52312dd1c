import { Global, Module } from '@nestjs/common';
import { Clock } from './clock.js';
import { Installation } from './installation.js';

@Global()
@Module({ providers: [Clock, Installation], exports: [Clock, Installation] })
export class CommonModule {}
