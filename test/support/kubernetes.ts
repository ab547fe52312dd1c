import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ServiceMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2/HorizontalPodAutoscaler';
import { Job } from 'kubernetes-models/batch/v1/Job';
import { Ingress } from 'kubernetes-models/networking.k8s.io/v1/Ingress';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { Service } from 'kubernetes-models/v1/Service';
import ts from 'typescript';
import { parseAllDocuments } from 'yaml';

export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: unknown;
}

const NATIVE = 'kubernetes-models';
const MODELS = [
  [NATIVE, 'apps/v1', Deployment],
  [NATIVE, 'autoscaling/v2', HorizontalPodAutoscaler],
  [NATIVE, 'batch/v1', Job],
  [NATIVE, 'networking.k8s.io/v1', Ingress],
  [NATIVE, 'networking.k8s.io/v1', NetworkPolicy],
  [NATIVE, 'policy/v1', PodDisruptionBudget],
  [NATIVE, 'v1', Service],
  ['@kubernetes-models/prometheus-operator', 'monitoring.coreos.com/v1', ServiceMonitor],
] as const;

/** The objects of a file of manifests. @throws where it is not YAML, or has a key twice. */
export function readManifests(text: string): KubernetesObject[] {
  return parseAllDocuments(text, { strict: true, uniqueKeys: true }).map((document) => {
    if (document.errors[0] !== undefined) throw document.errors[0];
    return document.toJS() as KubernetesObject;
  });
}

/** What is wrong with the objects by the schemas of Kubernetes and of the Prometheus operator. */
export function schemaProblems(objects: readonly KubernetesObject[]): string[] {
  return objects.flatMap((object) => {
    const where = `${object.kind} ${object.metadata.name}`;
    const found = MODELS.find(
      ([, , { apiVersion, kind }]) => apiVersion === object.apiVersion && kind === object.kind,
    );
    if (found === undefined) return [`${where}: no schema of ${object.apiVersion} is known here`];
    const [, , Model] = found;
    try {
      new Model(object as never).validate();
      return [];
    } catch (error) {
      return [`${where}: ${(error as Error).message}`];
    }
  });
}

/**
 * Fields that Kubernetes does not have. Its schemas let them pass and the server drops them, so a field one letter off would do
 * nothing. TypeScript refuses what is too much in a literal.
 */
export function unknownFields(objects: readonly KubernetesObject[], folder: string): string[] {
  const file = join(folder, 'objects.ts');
  const lines = objects.map((object, n) => {
    const [source] = MODELS.find(([, , { kind }]) => kind === object.kind) ?? [NATIVE];
    return `import type { I${object.kind} as T${n} } from '${source}/${object.apiVersion}/${object.kind}'; export const o${n}: T${n} = ${JSON.stringify(object)};`;
  });
  writeFileSync(file, lines.join('\n'));
  const program = ts.createProgram([file], {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.Node16,
    moduleResolution: ts.ModuleResolutionKind.Node16,
    types: [],
  });
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '));
}
