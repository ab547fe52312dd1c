// What global-setup.ts has left there: Jest runs both in one process, and relative imports do not work here either.
export default async function globalTeardown(): Promise<void> {
  await globalThis.testRunServers?.remove();
}
