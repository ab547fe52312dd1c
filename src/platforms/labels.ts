import { applyDecorators } from '@nestjs/common';
import { Transform } from 'class-transformer';
import { ValidateBy } from 'class-validator';
import { isVisible, normalText } from '../common/normal-text.js';
import { hasLength } from '../http/length.decorator.js';
import { isExactText } from '../http/plain-text.decorator.js';

export type Labels = Readonly<Record<string, string>>;

/** Of a connection that came by a connect link: the `externalUserId` of that link. */
export const EXTERNAL_USER_LABEL = 'external-user';

export const MAX_LABELS = 20;
export const MAX_LABEL_VALUE = 200;
/**
 * As Kubernetes writes them: no quoting in an address or a shell, and no `=`, which ends a key in a filter. Nest
 * drops two names that each object has from a body.
 */
export const LABEL_KEY = /^(?!(?:constructor|prototype)$)[a-z0-9](?:[a-z0-9._/-]{0,61}[a-z0-9])?$/;
const KEY_RULE = 'a key has 1 to 63 characters of a-z, 0-9 and . _ / - inside';

/** `labels` of a connection: values in normal form. @see {@link labelsFault} */
export function IsLabels(): PropertyDecorator {
  return applyDecorators(
    Transform(({ value }: { value: unknown }) => (isRecord(value) ? withNormalValues(value) : value)),
    ValidateBy({
      name: 'isLabels',
      validator: {
        validate: (value: unknown) => labelsFault(value) === null,
        defaultMessage: (found) => `$property ${labelsFault(found?.value) ?? ''}`,
      },
    }),
  );
}

function labelsFault(labels: unknown): string | null {
  if (!isRecord(labels)) return 'must be an object of texts';
  const entries = Object.entries(labels);
  if (entries.length > MAX_LABELS) return `must have at most ${MAX_LABELS} keys`;
  if (!entries.every(([key]) => LABEL_KEY.test(key))) return `must have keys of labels: ${KEY_RULE}`;
  const faulty = entries.find(([, value]) => !isValue(value));
  return faulty === undefined
    ? null
    : `must have a visible text of 1 to ${MAX_LABEL_VALUE} characters at ${faulty[0]}`;
}

/** `key=value`, or `key` for any value; repeated, all of them have to match. */
export function IsLabelFilter(): PropertyDecorator {
  return applyDecorators(
    Transform(({ value }: { value: unknown }) =>
      [value].flat().map((one: unknown) => (typeof one === 'string' ? normalText(one) : one)),
    ),
    ValidateBy({
      name: 'isLabelFilter',
      validator: {
        validate: (value: unknown) =>
          Array.isArray(value) && value.length <= MAX_LABELS && value.every((one) => isFilter(one)),
        defaultMessage: () => `$property must be key or key=value, at most ${MAX_LABELS} times; ${KEY_RULE}`,
      },
    }),
  );
}

/** @param value null when any will do. */
export function labelSought(filter: string): { readonly key: string; readonly value: string | null } {
  const at = filter.indexOf('=');
  return at === -1 ? { key: filter, value: null } : { key: filter.slice(0, at), value: filter.slice(at + 1) };
}

export function hasLabel(labels: Labels, filter: string): boolean {
  const { key, value } = labelSought(filter);
  return Object.hasOwn(labels, key) && (value === null || labels[key] === value);
}

function isFilter(filter: unknown): boolean {
  if (typeof filter !== 'string') return false;
  const { key, value } = labelSought(filter);
  return LABEL_KEY.test(key) && (value === null || isValue(value));
}

function isValue(value: unknown): boolean {
  return isExactText(value) && hasLength(value, 1, MAX_LABEL_VALUE) && isVisible(value);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function withNormalValues(labels: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(labels).map(([key, value]) => [
      key,
      typeof value === 'string' ? normalText(value) : value,
    ]),
  );
}
