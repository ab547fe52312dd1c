import { readFileSync } from 'node:fs';

/** Linux reports process times in clock ticks; USER_HZ is 100 on every architecture that Node supports. */
const MICROSECONDS_PER_TICK = 10_000;

/** User and system time that a process has used so far, in microseconds. @see proc(5), /proc/pid/stat */
export function cpuTime(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is the program's name in parentheses and may hold spaces. utime and stime are fields 14 and 15.
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
    .map(Number);
  return ((user ?? 0) + (system ?? 0)) * MICROSECONDS_PER_TICK;
}
