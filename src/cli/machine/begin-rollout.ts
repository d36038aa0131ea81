import type { RolloutRequest } from '../../protocol/hub-rollouts.ts'
import { connectHub, type HubOptions } from '../options.ts'
import { printJson } from '../terminal.ts'
import { watchRollout } from './watch-rollout.ts'

/** Starts a staged update, and shows its progress until it is done or halts. */
export async function beginRollout({ json, ...flags }: HubOptions, wanted: RolloutRequest) {
  const client = await connectHub(flags)
  const rollout = await client.rollouts.begin(wanted)
  if (json) return printJson({ rollout })
  await watchRollout(client, rollout.rollout_id)
}
