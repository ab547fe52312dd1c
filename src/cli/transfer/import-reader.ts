import { plainToInstance } from 'class-transformer';
import { isEmail, validateSync } from 'class-validator';
import { type FieldProblem, InvalidField } from '../../common/domain-error.js';
import { normalEmail } from '../../common/normal-text.js';
import type { AppConfig } from '../../config/app-config.js';
import { VALIDATION_OPTIONS, fieldProblems } from '../../http/validation.js';
import { canonicalUrl } from '../../platforms/canonical-url.js';
import { CreatePlatformDto } from '../../platforms/dto/write-platform.dto.js';
import type { ImportRow, LineProblem } from '../../platforms/transfer/import-plan.js';
import { COLUMNS, type Field, REQUIRED, isColumn } from './columns.js';
import { openedSecret } from './imported-secret.js';
import type { SourceRecord } from './source-record.js';

const MAX_EMAIL = 320;
const SECRETS: readonly Field[] = ['accessToken', 'clientKey', 'clientSecret'];
const FLAGS: ReadonlyMap<unknown, boolean> = new Map<unknown, boolean>([
  [true, true],
  [1, true],
  ...['true', 't', '1'].map((text) => [text, true] as const),
  [false, false],
  [0, false],
  ...['false', 'f', '0'].map((text) => [text, false] as const),
]);

/** Turns records of a file into rows, by the rules of the API's create. No message quotes a value. */
export class ImportReader {
  /** @param open decrypts a Fernet token; null when no key does. Null if secrets are plain text. */
  constructor(
    private readonly config: AppConfig,
    private readonly open: ((token: string) => string | null) | null,
  ) {}

  read(record: SourceRecord): ImportRow | readonly LineProblem[] {
    const { line } = record;
    if ('problem' in record) return [{ line, pointer: '', detail: record.problem }];
    const problems: FieldProblem[] = [];
    for (const name of record.fields.keys())
      if (!isColumn(name)) problems.push({ pointer: '', detail: 'has a field that is no column' });
    const value = (field: Field): unknown => record.fields.get(COLUMNS[field]) ?? null;
    for (const field of REQUIRED)
      if (value(field) === null) problems.push({ pointer: `/${field}`, detail: 'is required' });

    const email = emailOf(value('email'));
    if (email === null && value('email') !== null)
      problems.push({ pointer: '/email', detail: 'is not an e-mail address' });
    const flags = { isActive: true, isDefault: false };
    for (const field of ['isActive', 'isDefault'] as const) {
      const given = value(field);
      const flag =
        given === null ? flags[field] : FLAGS.get(typeof given === 'string' ? given.toLowerCase() : given);
      if (flag === undefined) problems.push({ pointer: `/${field}`, detail: 'must be true or false' });
      else flags[field] = flag;
    }
    const secrets: Record<string, unknown> = {};
    for (const field of SECRETS) {
      const opened = openedSecret(value(field), this.open);
      if ('problem' in opened) problems.push({ pointer: `/${field}`, detail: opened.problem });
      else secrets[field] = opened.secret;
    }
    const labels = labelsOf(value('labels'));
    if (labels === undefined) problems.push({ pointer: '/labels', detail: 'must be a JSON object' });
    const fields = plainToInstance(CreatePlatformDto, {
      name: value('name'),
      platformType: value('platformType'),
      instanceUrl: value('instanceUrl'),
      username: value('username'),
      labels: labels ?? null,
      externalId: value('externalId'),
      isDefault: flags.isDefault,
      ...secrets,
    });
    const faulty = new Set(problems.map(({ pointer }) => pointer));
    problems.push(...this.#faultsOf(fields).filter(({ pointer }) => !faulty.has(pointer)));
    if (problems.length > 0 || email === null) return problems.map((problem) => ({ line, ...problem }));
    return { line, email, isActive: flags.isActive, fields };
  }

  /** Also makes the URL canonical. */
  #faultsOf(fields: CreatePlatformDto): FieldProblem[] {
    const faults = fieldProblems(validateSync(fields, VALIDATION_OPTIONS)).map(({ pointer, detail }) => ({
      pointer,
      // "accessToken must have …": the report names the column instead.
      detail: detail.replace(`${pointer.slice(1)} `, ''),
    }));
    if (faults.some(({ pointer }) => pointer === '/instanceUrl')) return faults;
    try {
      fields.instanceUrl = canonicalUrl(this.config, fields.instanceUrl);
      return faults;
    } catch (error) {
      if (!(error instanceof InvalidField)) throw error;
      return [...faults, ...error.errors];
    }
  }
}

/** In a CSV they are the text of a JSON object. Undefined when that cannot be read. */
function labelsOf(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}

function emailOf(value: unknown): string | null {
  if (typeof value !== 'string' || value.length > 2 * MAX_EMAIL) return null;
  const email = normalEmail(value);
  return isEmail(email) && email.length <= MAX_EMAIL ? email : null;
}
