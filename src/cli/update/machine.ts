import { sleep } from '../../platform/clock.ts'
import { UserError } from '../../platform/errors.ts'
import type { Outcome } from '../../protocol/index.ts'
import type { HubClient } from '../client/hub-client.ts'
import { cleanLine } from '../render/clean.ts'
import { print, printJson } from '../terminal.ts'
import { StageLines } from './stages.ts'

const POLL_MS = 200

/** Orders a machine's update from the hub, and follows it to its end. @throws UserError */
export async function updateMachine(
  client: HubClient,
  machineId: string,
  { to, allowDowngrade = false, json = false }: { to: string; allowDowngrade?: boolean; json?: boolean },
) {
  const lines = new StageLines({ quiet: json })
  try {
    const body = { version: to, allow_downgrade: allowDowngrade }
    let outcome = await client.machineCommand(machineId, 'update', body, 0)
    while (outcome.state === 'pending') {
      const machine = (await client.machines()).find(({ machine_id }) => machine_id === machineId)
      const { stage = machine?.connected ? 'order' : 'wait', message } = outcome.progress ?? {}
      lines.begin(stage, message ?? (machine?.connected ? '' : 'for the machine to connect'))
      await sleep(POLL_MS)
      outcome = await client.outcome(outcome.command_id, 0)
    }
    lines.end()
    if (json) printJson(outcome)
    else print(said(outcome))
  } catch (error) {
    lines.end()
    throw error instanceof UserError && error.code.startsWith('update_')
      ? new UserError(error.code, error.message, {
          remedy: `${error.remedy === undefined ? '' : `${error.remedy} `}The version before still runs there.`,
          exitCode: error.exitCode,
        })
      : error
  }
}

function said({ result = {} }: Outcome): string {
  const { from_version, to_version, path, mode, duration_ms } = result
  if (from_version === to_version) return `${from_version} runs there already.`
  const where = mode === 'user-prefix' ? `, at ${cleanLine(String(path), 300)}` : ''
  return `Updated from ${from_version} to ${to_version}${where}, in ${(Number(duration_ms) / 1000).toFixed(1)} s.`
}
