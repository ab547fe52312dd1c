/** Loaded when it is first asked for: its readers of certificates take a fifteenth of a start. */
export const webauthn = () => import('@simplewebauthn/server');
