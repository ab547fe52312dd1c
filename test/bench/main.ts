import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { coldUsers } from './cold-users.js';
import { type Build, contestants } from './contestants.js';
import { CACHE_OFF, Deployment, LIMITED } from './deployment.js';
import { environment } from './environment.js';
import { eventClients } from './event-clients.js';
import { fernet } from './fernet.js';
import { firstPaint } from './first-paint.js';
import { memoryOfUsers } from './memory.js';
import { profile } from './profile.js';
import { proxyCost } from './proxy-cost.js';
import { queriesSaved } from './queries-saved.js';
import { rates } from './rates.js';
import { type Section, isMet, printMeasures } from './report.js';
import { scale } from './scale.js';
import { soak } from './soak.js';
import { stampede } from './stampede.js';
import { writes } from './writes.js';

const { values: options } = parseArgs({
  options: {
    json: { type: 'string' },
    quick: { type: 'boolean', default: false },
    scale: { type: 'boolean', default: false },
    scaleRows: { type: 'string', default: '1000000' },
    soak: { type: 'string' },
    sql: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    only: { type: 'string' },
    against: { type: 'string' },
    contestants: { type: 'string' },
  },
});
const plan = options.quick
  ? { rounds: 3, seconds: 0.4, warmUpSeconds: 1, connections: 32 }
  : { rounds: 7, seconds: 4, warmUpSeconds: 6, connections: 32 };
const sizes = options.quick
  ? { fernetMs: 50, requests: 10_000, stampedes: 2, users: 1_000, cycles: 10, clients: 2_000, changes: 10 }
  : {
      fernetMs: 400,
      requests: 100_000,
      stampedes: 7,
      users: 10_000,
      cycles: 40,
      clients: 10_000,
      changes: 50,
    };

const soakMinutes = Number(options.soak ?? 0);
if (options.soak !== undefined && !(Number.isInteger(soakMinutes) && soakMinutes >= 2))
  throw new Error('--soak wants whole minutes, at least 2: the first is what the last is compared with');
if (options.sql && soakMinutes === 0) throw new Error('--sql is of the soak: give --soak too');

const scaleRows = Number(options.scaleRows);
if (!(Number.isInteger(scaleRows) && scaleRows >= 1000))
  throw new Error('--scaleRows wants a whole number, at least 1000');

const PARTS = [
  'rates',
  'fernet',
  'stampede',
  'queriesSaved',
  'coldUsers',
  'writes',
  'eventClients',
  'memory',
  'firstPaint',
  'proxyCost',
  'scale',
  'profile',
  'soak',
] as const;
type Part = (typeof PARTS)[number];

const asked = { scale: options.scale, profile: options.profile, soak: soakMinutes > 0 };
const possible = PARTS.filter((name) => !(name in asked) || asked[name as keyof typeof asked]);
const names = possible.filter((name) => options.only?.split(',').includes(name) ?? true);
const unknown = options.only?.split(',').filter((name) => !possible.some((part) => part === name)) ?? [];
if (unknown.length > 0)
  throw new Error(
    `--only knows ${PARTS.join(', ')}, the last three with their own option too: not ${unknown.join()}`,
  );

async function main(): Promise<void> {
  const deployment = await Deployment.start();
  try {
    const machine = await environment(deployment);
    console.log(JSON.stringify(machine));
    // The first one alone: it applies the migrations.
    const ours = await deployment.startApp();
    // Not before they are asked for: each also follows what the others do.
    const second = once(() => deployment.startApp());
    const uncached = once(() => deployment.startApp(CACHE_OFF));
    const builds = async () => ({
      plain: ours,
      limited: await deployment.startApp(LIMITED),
      alone: await deployment.startApp(),
    });
    const all: Readonly<Record<Part, () => Promise<Section>>> = {
      rates: async () =>
        rates(
          chosen(
            await contestants(deployment, await builds(), await uncached(), await otherBuild(deployment)),
          ),
          plan,
        ),
      fernet: () => Promise.resolve(fernet(plan.rounds, sizes.fernetMs)),
      stampede: async () => stampede(deployment, [ours, await second()], sizes.stampedes),
      queriesSaved: async () => queriesSaved(deployment, ours, await uncached(), sizes.requests),
      coldUsers: () => coldUsers(deployment),
      writes: () => writes(options.against, { rounds: plan.rounds, cycles: sizes.cycles }),
      eventClients: () => eventClients(deployment, sizes, options.against),
      memory: () => memoryOfUsers(deployment, sizes.users),
      firstPaint: () => firstPaint(ours, plan.rounds),
      proxyCost: () => proxyCost(deployment, plan, options.against),
      scale: () => scale(plan.rounds, scaleRows),
      profile: () => profile(deployment),
      soak: () => soak(deployment, soakMinutes, options.sql),
    };
    const sections = new Map<string, Section>();
    for (const name of names) {
      const section = await all[name]();
      sections.set(name, section);
      for (const line of section.lines) console.log(line);
    }
    const measures = [...sections.values()].flatMap((section) => section.measures);
    if (measures.length > 0) printMeasures(measures);
    if (options.json !== undefined) {
      const report = {
        environment: machine,
        plan: { ...plan, ...sizes },
        measures: measures.map((measure) => ({ ...measure, met: isMet(measure) })),
        figures: Object.fromEntries([...sections].map(([name, { figures }]) => [name, figures])),
      };
      writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
    }
  } finally {
    await deployment.stop();
  }
}

async function otherBuild(deployment: Deployment): Promise<Build | null> {
  const { against } = options;
  if (against === undefined) return null;
  return {
    plain: await deployment.startApp({}, against),
    limited: await deployment.startApp(LIMITED, against),
  };
}

function once<T>(start: () => Promise<T>): () => Promise<T> {
  let started: Promise<T> | undefined;
  return () => (started ??= start());
}

/** Those that `--contestants` names, a regular expression. */
function chosen<T>(all: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  const pattern = new RegExp(options.contestants ?? '');
  return new Map([...all].filter(([name]) => pattern.test(name)));
}

await main();
