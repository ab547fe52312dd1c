/**
 * Says which server this is, in SQL, and makes it the primary of the installation if another one was before. An error on a
 * standby.
 */
export const ADOPT_PRIMARY = 'installation_adopt_primary()';
