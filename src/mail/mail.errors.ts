import { problem } from '../common/domain-error.js';

export class MailNotConfigured extends problem(403, 'mail_not_configured', 'Mail not configured') {
  constructor() {
    super('This server sends no mail. Ask its administrator.');
  }
}
