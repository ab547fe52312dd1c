/**
 * A statement that says which server this is, and makes it the primary of the installation if another one was before. An error on a
 * standby.
 */
export const ADOPT_PRIMARY = 'SELECT installation_adopt_primary()';
