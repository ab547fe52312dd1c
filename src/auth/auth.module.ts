import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AppConfig } from '../config/app-config.js';
import { FactorsModule } from '../factors/factors.module.js';
import { MailModule } from '../mail/mail.module.js';
import { NoticesModule } from '../notices/notices.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { UsersModule } from '../users/users.module.js';
import { AccessTokens } from './access-tokens.js';
import { AccountMails } from './account-mails.js';
import { ApiKeyUsage } from './api-key-usage.js';
import { ApiKeyVerifier } from './api-key-verifier.js';
import { ApiKey } from './api-key.entity.js';
import { ApiKeysController } from './api-keys.controller.js';
import { ApiKeysService } from './api-keys.service.js';
import { AuthController } from './auth.controller.js';
import { AuthService } from './auth.service.js';
import { AuthenticatedGuard } from './authenticated.guard.js';
import { ConfirmationController } from './confirmation.controller.js';
import { ConfirmationService } from './confirmation.service.js';
import { DemoAccount } from './demo-account.js';
import { EmailChangeMails } from './email-change-mails.js';
import { EmailChange } from './email-change.entity.js';
import { EmailChangeService } from './email-change.service.js';
import { EmailVerificationService } from './email-verification.service.js';
import { MailLinksController } from './mail-links.controller.js';
import { MailTokens } from './mail-tokens.js';
import { MeController } from './me.controller.js';
import { OidcIssuer } from './oidc-issuer.js';
import { OidcTokens } from './oidc-tokens.js';
import { OwnPassword } from './own-password.js';
import { PasskeySignInController } from './passkey-sign-in.controller.js';
import { PasswordChangeService } from './password-change.service.js';
import { PasswordResetService } from './password-reset.service.js';
import { Passwords } from './passwords.js';
import { SignInDelays } from './sign-in-delays.js';
import { SignInNotice } from './sign-in-notice.js';
import { TokenVerifier } from './token-verifier.js';

@Module({
  imports: [
    TypeOrmModule.forFeature([ApiKey, EmailChange]),
    FactorsModule,
    MailModule,
    NoticesModule,
    SessionsModule,
    UsersModule,
  ],
  controllers: [
    AuthController,
    PasskeySignInController,
    ConfirmationController,
    MailLinksController,
    MeController,
    ApiKeysController,
  ],
  providers: [
    AccessTokens,
    AccountMails,
    ApiKeysService,
    ApiKeyUsage,
    ApiKeyVerifier,
    AuthService,
    ConfirmationService,
    DemoAccount,
    EmailChangeMails,
    EmailChangeService,
    EmailVerificationService,
    MailTokens,
    {
      provide: OidcIssuer,
      inject: [AppConfig],
      useFactory: ({ oidc }: AppConfig) => oidc && new OidcIssuer(oidc.issuer),
    },
    OidcTokens,
    OwnPassword,
    PasswordChangeService,
    PasswordResetService,
    Passwords,
    SignInDelays,
    SignInNotice,
    TokenVerifier,
    { provide: APP_GUARD, useClass: AuthenticatedGuard },
  ],
  exports: [AccessTokens, DemoAccount, OwnPassword, TokenVerifier],
})
export class AuthModule {}
