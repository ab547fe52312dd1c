import type { Command } from 'commander';
import { loadConfig } from '../config/load-config.js';
import { CommandFailed } from './command-failed.js';
import { say } from './output.js';
import { progressOn } from './progress.js';

/** Adds `audit:verify`. */
export function registerAuditVerify(program: Command): void {
  program
    .command('audit:verify')
    .description('check that no entry of the audit trail was edited, moved or removed')
    .option(
      '--head <id:mac>',
      'what an earlier run has printed: nothing up to there may have been removed since',
    )
    .addHelpText(
      'after',
      `
Keep the last line of each run where the database's users cannot write. A restore of the whole database to an
earlier state restores the trail too: only a head that was kept elsewhere shows that.`,
    )
    .action(({ head }: { head?: string }) => verify(head));
}

async function verify(head: string | undefined): Promise<void> {
  const config = loadConfig(process.env);
  const { withDatabase } = await import('./with-database.js');
  const { auditOf } = await import('./audit-of.js');
  const { AuditVerifier, headOf, textOf } = await import('../audit/audit-verifier.js');
  const kept = head === undefined ? null : headOf(head);
  if (head !== undefined && kept === null)
    throw new CommandFailed('--head must be <id>:<mac>, as an earlier run has printed it.');
  await withDatabase(config, async (database) => {
    const { chain } = await auditOf(database, config);
    const total = await database.statement<{ rows: number }>(
      'SELECT count(*)::integer AS rows FROM audit_log',
    );
    const progress = progressOn(process.stderr);
    progress.started('entries', total[0]?.rows ?? 0);
    const verdict = await new AuditVerifier(database, chain)
      .verify(kept, (entries) => progress.advanced(entries))
      .finally(() => progress.finished());
    const { verified, unchained, faults, faultCount } = verdict;
    for (const fault of faults) say(fault);
    if (unchained > 0) say(`${unchained} entries are from before the trail was protected.`);
    if (faultCount > 0) {
      const more = faultCount > faults.length ? ` Only the first ${faults.length} are shown.` : '';
      throw new CommandFailed(
        `The audit trail has ${faultCount} faults.${more} ${verified} entries are right.`,
      );
    }
    say(`${verified} entries are complete and unchanged.`);
    if (verdict.head !== null) say(`Head: ${textOf(verdict.head)}`);
  });
}
