import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Invitation } from './invitation.entity.js';
import { InvitationsService } from './invitations.service.js';
import { UserSearch } from './user-search.js';
import { User } from './user.entity.js';
import { UsersService } from './users.service.js';

@Module({
  imports: [TypeOrmModule.forFeature([User, Invitation])],
  providers: [UsersService, UserSearch, InvitationsService],
  exports: [UsersService, UserSearch, InvitationsService],
})
export class UsersModule {}
