import type { HubClient } from '../../client/hub-client.ts'
import { sleep } from '../../platform/clock.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { rolloutLine, rolloutText } from '../render/rollout.ts'
import { note, print, stdoutColors, stdoutWidth } from '../terminal.ts'

const POLL_MS = 500

/** States in which nothing more happens without a person or another machine. */
const RESTING = ['paused', 'halted', 'done', 'rolled_back', 'cancelled']

/** Prints each change of a rollout until it rests, and then its machines. Ctrl-C ends only the watching. */
export async function watchRollout(client: HubClient, id: string): Promise<void> {
  note(
    `Rollout ${id}. Ctrl-C ends only this view: \`fomular-daemon machine rollout show ${id}\` shows it again.`,
  )
  let shown = ''
  for (;;) {
    const rollout = await client.rollouts.get(id)
    const line = rolloutLine(rollout)
    if (line !== shown) note(line)
    shown = line
    if (RESTING.includes(rollout.state)) {
      print(rolloutText(rollout, await client.machines(), stdoutColors(), stdoutWidth()))
      if (rollout.state === 'halted') process.exitCode = EXIT.failure
      return
    }
    await sleep(POLL_MS)
  }
}
