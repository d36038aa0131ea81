import { useState } from 'preact/hooks'
import type { HubClient } from '../../client/hub-client.ts'
import type { HubAgent } from '../../protocol/hub-objects.ts'
import type { WaitingPrompt } from '../../protocol/status.ts'
import { fleet } from '../fleet/fleet.ts'
import { Button } from '../parts/button.tsx'
import { tell, tellProblem } from '../parts/notices.tsx'
import { visible } from '../parts/visible.ts'
import { foreseen } from './foreseen.ts'
import { giveOrder } from './give-order.ts'
import './waiting-prompts.css'

/** Maximum time until the agent confirms a withdrawal, in seconds. */
const WITHDRAW_WAIT_S = 40
/** Maximum length of a prompt in the name of its button. */
const NAME_CHARS = 80

interface WaitingPromptsProps {
  hub: HubClient
  agent: HubAgent
  /**
   * Called when a prompt is withdrawn. Without it, the prompts are only shown.
   * @returns whether the person can edit the prompt again
   */
  onWithdrawn?: (prompt: WaitingPrompt) => boolean
}

/** The prompts that the agent has not read yet. Each can be withdrawn. */
export function WaitingPrompts({ hub, agent, onWithdrawn }: WaitingPromptsProps) {
  const [busy, setBusy] = useState<readonly string[]>([])
  const { waiting_prompts: prompts = [], undelivered_prompts: count } = agent
  if (prompts.length === 0) return null
  void fleet.value?.version.value
  const [refusal] = foreseen(fleet.value?.machines.get(agent.machine_id), 'agent:withdraw')
  const withdraw = async (prompt: WaitingPrompt) => {
    const { prompt_id } = prompt
    setBusy((now) => [...now, prompt_id])
    let isBack = false
    try {
      const said = await giveOrder(hub, agent, {
        name: 'withdraw',
        body: { prompt_id },
        waitS: WITHDRAW_WAIT_S,
        done: 'The prompt is withdrawn.',
        onDone: () => {
          isBack = onWithdrawn?.(prompt) ?? false
        },
      })
      tell(isBack ? `${said} You can edit it below.` : said)
    } catch (error) {
      tellProblem(isTooLate(error) ? new Error('Too late: the agent has already read the prompt.') : error)
    }
    setBusy((now) => now.filter((id) => id !== prompt_id))
  }
  return (
    <section class="waiting-prompts" aria-label="Prompts that wait for the agent">
      <ul>
        {prompts.map((prompt) => {
          const isBusy = busy.includes(prompt.prompt_id)
          const name = isBusy ? 'Withdrawing…' : 'Withdraw'
          return (
            <li key={prompt.prompt_id}>
              <p dir="auto">{textOf(prompt)}</p>
              {onWithdrawn && (
                <Button
                  label={`${name}: ${textOf(prompt).slice(0, NAME_CHARS)}`}
                  disabled={isBusy || refusal !== undefined}
                  onClick={() => void withdraw(prompt)}
                >
                  {name}
                </Button>
              )}
            </li>
          )
        })}
      </ul>
      {count > prompts.length && <p>And {count - prompts.length} more.</p>}
      {refusal && onWithdrawn && <p>{refusal.message}</p>}
    </section>
  )
}

const isTooLate = (error: unknown) => (error as { code?: unknown }).code === 'prompt_taken'

function textOf({ text, cut, images }: WaitingPrompt): string {
  const pictures = images === undefined ? '' : `[${images} ${images === 1 ? 'image' : 'images'}]`
  const said = text === undefined ? '' : visible(cut ? `${text}…` : text)
  return [said, pictures].filter(Boolean).join(' ') || 'A prompt that is too long to be shown'
}
