/** A command could not do what it was asked, for a reason that its message tells the operator; no stack is needed. */
export class CommandFailed extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CommandFailed';
  }
}
