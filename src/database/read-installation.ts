import type { InstallationReading } from '../common/installation.js';

/** The columns of an InstallationReading, of the table `installation`. */
export const INSTALLATION_COLUMNS = `installation.id, installation.epoch::float8 AS epoch,
  coalesce(installation.primary_name, '') AS "primaryName",
  (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS "nowMs"`;

/** @param query runs one statement. */
export async function readInstallation(
  query: (sql: string) => Promise<InstallationReading[]>,
): Promise<InstallationReading> {
  const [reading] = await query(`SELECT ${INSTALLATION_COLUMNS} FROM installation`);
  if (reading === undefined) throw new Error('The table installation has no row.');
  return reading;
}
