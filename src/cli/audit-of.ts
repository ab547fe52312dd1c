import { AuditChain } from '../audit/audit-chain.js';
import { AuditLog } from '../audit/audit-log.js';
import { Installation } from '../common/installation.js';
import type { AppConfig } from '../config/app-config.js';
import { KeyRing } from '../crypto/key-ring.js';
import type { Database } from '../database/database.js';
import { readInstallation } from '../database/read-installation.js';
import { BootCanary } from '../keys/boot-canary.js';

/**
 * The audit trail, for a command that works on the database alone.
 *
 * @throws {KeyRingMismatch}
 */
export async function auditOf(
  database: Database,
  config: AppConfig,
): Promise<{ chain: AuditChain; log: AuditLog }> {
  const ring = KeyRing.parse(config.encryptionKeys);
  await new BootCanary(database, ring).check();
  const installation = new Installation();
  const sentAtMs = performance.now();
  installation.observe(await readInstallation((sql) => database.statement(sql)), sentAtMs);
  const chain = await AuditChain.open(database, ring);
  return { chain, log: new AuditLog(chain, installation) };
}
