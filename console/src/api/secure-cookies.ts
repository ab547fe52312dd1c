/**
 * Whether this browser takes the cookie of a session: over https, and over http from a loopback address, except in Safari.
 * Asked by trying: a browser treats a cookie that a script sets in the same way.
 */
export function keepsSecureCookies(): boolean {
  const attempt = '__Host-pm_try=1; Path=/; Secure; SameSite=Strict';
  document.cookie = attempt;
  const isKept = document.cookie.includes('__Host-pm_try=');
  document.cookie = `${attempt}; Max-Age=0`;
  return isKept;
}
