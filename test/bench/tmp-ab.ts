import { cpuTime } from './cpu.js';
import { Deployment } from './deployment.js';
import { LoadGenerator } from './load.js';
import { median } from './statistics.js';
const builds = process.argv.slice(3);
const rounds = Number(process.argv[2]);
const d = await Deployment.start();
try {
  const apps = [];
  for (const b of builds) apps.push(await d.startApp(process.env.EXTRA ? JSON.parse(process.env.EXTRA) : {}, b));
  const users = await d.addUsers(32);
  const signed = users.map(({ token }) => ({ authorization: `Bearer ${token}` }));
  const constant = await d.startContestant('constant.ts', { BODY: await (await fetch(`${apps[0]!.baseUrl}/v1/platforms`, { headers: signed[0]! })).text() });
  const targets: [string, any][] = [['constant', { url: `${constant.baseUrl}/constant`, pid: constant.pid }]];
  apps.forEach((a, i) => {
    targets.push([`${builds[i]} one user`, { url: `${a.baseUrl}/v1/platforms`, pid: a.pid, headers: signed[0] }]);
    targets.push([`${builds[i]} 32 users`, { url: `${a.baseUrl}/v1/platforms`, pid: a.pid, callers: signed }]);
  });
  const g = new LoadGenerator();
  const cpu = new Map<string, number[]>(), rate = new Map<string, number[]>();
  for (let r = 0; r <= rounds; r++)
    for (const [name, target] of targets) {
      const before = cpuTime(target.pid);
      const round = await g.round({ target, connections: 32, seconds: 2 });
      if (r === 0) continue;
      cpu.set(name, [...(cpu.get(name) ?? []), (cpuTime(target.pid) - before) / round.requests]);
      rate.set(name, [...(rate.get(name) ?? []), round.rate]);
    }
  g.stop();
  for (const [name] of targets) console.log(name.padEnd(40), 'cpu us', median(cpu.get(name)!).toFixed(2), 'rate', median(rate.get(name)!).toFixed(0), cpu.get(name)!.map((x) => x.toFixed(1)).join(' '));
} finally { await d.stop(); }
