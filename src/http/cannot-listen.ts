/** The message is one line that names the setting. */
export class CannotListen extends Error {
  constructor(message: string, cause: unknown) {
    super(message, { cause });
    this.name = 'CannotListen';
  }
}

interface Listening {
  readonly host: string;
  readonly port: number;
  /** The setting of the port. */
  readonly portName: 'PORT' | 'METRICS_PORT';
}

/** A `CannotListen` if the address is to blame for the error of `listen`, otherwise the error itself. */
export function listenFailure(error: unknown, { host, port, portName }: Listening): unknown {
  const { code } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'EADDRINUSE':
      return new CannotListen(`${portName}: ${port} is already in use at HOST ${host}`, error);
    case 'EACCES':
      return new CannotListen(`${portName}: this process may not listen on ${port}`, error);
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
    case 'EINVAL':
    case 'EAI_AGAIN':
    case 'ENOTFOUND':
      return new CannotListen(`HOST: ${host} is not an address of this machine (${code})`, error);
    default:
      return error;
  }
}
