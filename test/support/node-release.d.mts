export const CAN_FETCH: boolean;
export function nodeRelease(release: string): string;
export function runWithNode(folder: string, command: string, args: readonly string[]): number;
