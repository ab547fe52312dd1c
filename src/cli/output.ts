const SHOWN_IDS = 20;

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** The first ids, and an ellipsis if there are more. */
export function listed(ids: readonly number[]): string {
  return `${ids.slice(0, SHOWN_IDS).join(', ')}${ids.length > SHOWN_IDS ? ', …' : ''}`;
}
