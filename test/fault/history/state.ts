/** One user's connections at one time, ordered by id: `7v3*` is the default, `8v1-` inactive. */
export type State = string;

export interface Shown {
  readonly id: number;
  readonly version: number;
  readonly isDefault: boolean;
  readonly isActive: boolean;
}

export function stateOf(platforms: readonly Shown[]): State {
  return [...platforms]
    .sort((a, b) => a.id - b.id)
    .map(partOf)
    .join(' ');
}

export function partOf({ id, version, isDefault, isActive }: Shown): string {
  return `${id}v${version}${isDefault ? '*' : ''}${isActive ? '' : '-'}`;
}

export function partsOf(state: State): string[] {
  return state === '' ? [] : state.split(' ');
}

export function idOf(part: string): number {
  return Number.parseInt(part, 10);
}

export function isActive(part: string): boolean {
  return !part.endsWith('-');
}

/** What a list shows. */
export function activeOf(state: State): State {
  return partsOf(state).filter(isActive).join(' ');
}

/** Whoever has an active connection has a default. */
export function defaultOf(state: State): string {
  return partsOf(state).find((part) => part.endsWith('*')) ?? '';
}

export function partFor(state: State, id: number): string {
  return partsOf(state).find((part) => idOf(part) === id) ?? '';
}
