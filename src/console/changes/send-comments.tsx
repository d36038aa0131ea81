import { useRef } from 'preact/hooks'
import type { FleetAgent } from '../../client/fleet-agent.ts'
import type { HubClient } from '../../client/hub-client.ts'
import { CommandIds } from '../agent/command-ids.ts'
import { foreseen } from '../agent/foreseen.ts'
import { giveOrder, isEnded } from '../agent/give-order.ts'
import { agentKey, fleet } from '../fleet/fleet.ts'
import { Button } from '../parts/button.tsx'
import { tell } from '../parts/notices.tsx'
import { useSending } from '../parts/use-sending.tsx'
import { visibleLine } from '../parts/visible.ts'
import { comments, dropComments, keepComment, promptOf } from './comments.ts'

/** Maximum time until the machine has accepted the prompt, in seconds. */
const PROMPT_WAIT_S = 60

/** The comments that were not sent yet, and the button that sends them as one prompt. */
export function SendComments({ hub, agent }: { hub: HubClient; agent: FleetAgent }) {
  const key = agentKey(agent)
  const all = comments.value.get(key) ?? []
  const ids = useRef(new CommandIds())
  const { isSending, problem, send } = useSending(() => dropComments(key))
  if (all.length === 0) return null
  const name = isEnded(agent) ? 'resume' : 'prompt'
  const [refusal] = foreseen(fleet.value?.machines.get(agent.machine_id), `agent:${name}`)
  const submit = () =>
    send(async () => {
      const content = promptOf(all)
      const said = name === 'resume' ? { prompt: content } : { content }
      const done = 'The comments were sent to the agent.'
      const order = (command_id: string) =>
        giveOrder(hub, agent, { name, body: { ...said, command_id }, waitS: PROMPT_WAIT_S, done })
      tell(await ids.current.send([name, said], order))
    })
  return (
    <section class="send-comments" aria-label="Comments">
      <details>
        <summary>
          {all.length} {all.length === 1 ? 'comment' : 'comments'}
        </summary>
        <ul>
          {all.map((comment) => (
            <li key={JSON.stringify([comment.path, comment.line, comment.isOld, comment.since])}>
              <span dir="auto">
                {visibleLine(`${comment.path}:${comment.line}`, 300)}: {comment.text}
              </span>
              <Button look="quiet" onClick={() => keepComment(key, { ...comment, text: '' })}>
                Remove
              </Button>
            </li>
          ))}
        </ul>
      </details>
      <Button look="main" disabled={isSending || refusal !== undefined} onClick={submit}>
        {isSending ? 'Sending…' : name === 'resume' ? 'Resume and send comments' : 'Send comments'}
      </Button>
      {problem}
      {refusal && <p role="alert">{refusal.message}</p>}
    </section>
  )
}
