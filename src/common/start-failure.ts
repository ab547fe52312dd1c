/** The process cannot start, for a reason outside it. The message is one line: the setting, the reason and the remedy. No stack is printed. */
export class StartFailure extends Error {
  override readonly name = 'StartFailure';
}

interface Listener {
  readonly host: string;
  readonly port: number;
  /** Of the setting that holds the port. */
  readonly portSetting: 'PORT' | 'METRICS_PORT';
}

/** @returns a StartFailure when the address or port cannot be listened on; any other error as it is. */
export function listenFailure(error: unknown, { host, port, portSetting }: Listener): unknown {
  const { code = '' } = error as NodeJS.ErrnoException;
  const message = {
    EADDRINUSE: `${portSetting}: another program listens on port ${port} of ${host} already (${code}); stop it or choose another port`,
    EACCES: `${portSetting}: this user may not listen on port ${port} (${code}); choose one above 1023`,
    EADDRNOTAVAIL: `HOST: ${host} is no address of this machine (${code}); 0.0.0.0 is all of them`,
    ENOTFOUND: `HOST: there is no host ${host} (${code}); 0.0.0.0 is all addresses of this machine`,
    EAI_AGAIN: `HOST: ${host} cannot be resolved at the moment (${code}); an address needs no name server`,
  }[code];
  return message === undefined ? error : new StartFailure(message, { cause: error });
}
