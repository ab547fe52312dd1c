import { Module } from '@nestjs/common';
import { InnerApi } from './inner-api.js';
import { McpController } from './mcp.controller.js';
import { McpService } from './mcp.service.js';

@Module({ controllers: [McpController], providers: [InnerApi, McpService] })
export class McpModule {}
