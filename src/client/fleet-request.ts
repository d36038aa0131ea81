import type { HubMachine } from '../protocol/hub-objects.ts'
import type { FleetStreamOptions } from './addresses.ts'
import type { FleetAgent } from './fleet-agent.ts'

/** Fields of machines and agents, as an object, so that the compiler notices a missing field. */
const FIELDS = {
  agent_id: true,
  revision: true,
  state: true,
  since: true,
  runtime: true,
  runtime_version: true,
  title: true,
  cwd: true,
  run: true,
  pid: true,
  session_id: true,
  model: true,
  permission_mode: true,
  pending: true,
  pending_omitted: true,
  undelivered_prompts: true,
  exit: true,
  queued: true,
  slow: true,
  turn_interrupted: true,
  turn_failed: true,
  on_limit: true,
  limited: true,
  problems: true,
  failure: true,
  worktree: true,
  restart_held_until: true,
  background_tasks: true,
  total_cost_usd: true,
  journal: true,
  machine_id: true,
  machine_name: true,
  connected: true,
  gone: true,
  claimed: true,
  name: true,
  hostname: true,
  os: true,
  arch: true,
  daemon_version: true,
  agents: true,
  history_bytes: true,
  status: true,
} as const satisfies Record<keyof FleetAgent | keyof HubMachine, true>

/** The first request for the machines and agents. 100 agents come first, so that a person need not wait for all. */
export const FLEET_REQUEST: FleetStreamOptions = { after: '0', fields: Object.keys(FIELDS), first: 100 }
