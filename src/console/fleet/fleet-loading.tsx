import { Problem } from '../parts/problem.tsx'
import { fleet } from './fleet.ts'

/** Shown until the hub has named all machines and agents: says why this takes longer than usual. */
export function FleetLoading() {
  const live = fleet.value?.live.value
  return live?.state === 'lost' ? <Problem error={live.problem} /> : <p role="status">Loading…</p>
}
