import type { DataSource } from 'typeorm';
import { ADMISSION_KINDS, type AdmissionGate } from '../database/admission-gate.js';
import { poolState } from '../database/pool.js';

/** Most requests wait at the admission gate, before they reach the pool. */
export function poolFigures(dataSource: DataSource, gate: AdmissionGate) {
  const pool = poolState(dataSource);
  const waiting = ADMISSION_KINDS.reduce((sum, kind) => sum + gate.figures(kind).waiting, pool.waiting);
  return { ...pool, waiting };
}
