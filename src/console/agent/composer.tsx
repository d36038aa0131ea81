import { useEffect, useRef, useState } from 'preact/hooks'
import type { HubClient } from '../../client/hub-client.ts'
import type { HubAgent } from '../../protocol/hub-objects.ts'
import type { WaitingPrompt } from '../../protocol/status.ts'
import { agentKey, fleet } from '../fleet/fleet.ts'
import { Button } from '../parts/button.tsx'
import { tell } from '../parts/notices.tsx'
import { useSending } from '../parts/use-sending.tsx'
import { may, session } from '../session/session.ts'
import { CommandIds } from './command-ids.ts'
import { draftOf, keepDraft, keepSent, sentDraft } from './drafts.ts'
import { foreseen } from './foreseen.ts'
import { giveOrder, isEnded } from './give-order.ts'
import { contentOf, contentProblem, type Draft, EMPTY_DRAFT } from './prompt-content.ts'
import { PromptField } from './prompt-field.tsx'
import { WaitingPrompts } from './waiting-prompts.tsx'
import './composer.css'

/** Maximum time until the agent's machine has accepted a prompt, and until an ended agent runs again, in seconds. */
const PROMPT_WAIT_S = 30
const RESUME_WAIT_S = 60

interface ComposerProps {
  hub: HubClient
  /** The agent, as its latest status says. */
  agent: HubAgent
}

/** The field at the end of a conversation, with which a person sends prompts. */
export function Composer({ hub, agent }: ComposerProps) {
  const key = agentKey(agent)
  if (agent.gone) return <Closed>The machine no longer has this agent. Only its history is left.</Closed>
  if (!may('operator'))
    return (
      <>
        <WaitingPrompts hub={hub} agent={agent} />
        <Closed>Your role does not allow prompts. Ask an operator.</Closed>
      </>
    )
  return <Open key={key} hub={hub} agent={agent} />
}

const Closed = ({ children }: { children: string }) => (
  <div class="composer">
    <p class="composer-notes">{children}</p>
  </div>
)

function Open({ hub, agent }: ComposerProps) {
  // Another person may sign in in the same tab.
  const key = `${session.value?.key_id} ${agentKey(agent)}`
  const [draft, setDraft] = useState<Draft>(() => draftOf(key))
  const [fault, setFault] = useState<string>()
  const ids = useRef(new CommandIds())
  const form = useRef<HTMLFormElement>(null)
  const toField = () => form.current?.querySelector('textarea')?.focus()
  const { isSending, problem, send } = useSending(toField)
  useEffect(() => keepDraft(key, draft), [key, draft])
  const latest = useRef(draft)
  latest.current = draft
  const putBack = (prompt: WaitingPrompt) => {
    const isEmpty = latest.current.text === '' && latest.current.images.length === 0
    const back = isEmpty ? sentDraft(prompt) : undefined
    if (back) setDraft(back)
    toField()
    return back !== undefined
  }
  const name = isEnded(agent) ? 'resume' : 'prompt'
  void fleet.value?.version.value
  const [refusal] = foreseen(fleet.value?.machines.get(agent.machine_id), `agent:${name}`)
  const content = contentOf(draft)
  const submit = () => {
    if (content === undefined || isSending || refusal) return
    const tooBig = contentProblem(content)
    setFault(tooBig)
    if (tooBig !== undefined) return
    send(async () => {
      const said = name === 'resume' ? { prompt: content } : { content }
      tell(
        await ids.current.send([name, said], (command_id) =>
          giveOrder(hub, agent, {
            name,
            body: { ...said, command_id },
            waitS: name === 'resume' ? RESUME_WAIT_S : PROMPT_WAIT_S,
            done: name === 'resume' ? 'The agent runs again, with your prompt.' : 'Sent.',
            onDone: ({ prompt_id }) => keepSent(prompt_id, draft),
          }),
        ),
      )
      setDraft(EMPTY_DRAFT)
    })
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (!isSendKey(event)) return
    event.preventDefault()
    submit()
  }
  return (
    <>
      <WaitingPrompts hub={hub} agent={agent} onWithdrawn={putBack} />
      <form
        ref={form}
        class="composer"
        onSubmit={(event) => {
          event.preventDefault()
          submit()
        }}
      >
        <PromptField
          label="Prompt"
          placeholder={name === 'resume' ? 'Continue the ended agent with a prompt' : 'Write to the agent'}
          rows={1}
          draft={draft}
          isFixed={isSending}
          onDraft={setDraft}
          onKeyDown={onKeyDown}
        >
          <p class="composer-notes">{notesOf(agent).join(' ')}</p>
          <Button
            look="main"
            type="submit"
            disabled={isSending || content === undefined || refusal !== undefined}
          >
            {isSending ? 'Sending…' : name === 'resume' ? 'Resume and send' : 'Send'}
          </Button>
        </PromptField>
        {problem}
        {(refusal ?? fault) !== undefined && (
          <p class="prompt-problem" role="alert">
            {refusal?.message ?? fault}
          </p>
        )}
      </form>
    </>
  )
}

/** True on devices without a keyboard of their own, where Enter must begin a new line. */
const isTouch = () => matchMedia('(pointer: coarse)').matches

function isSendKey({ key, isComposing, shiftKey, ctrlKey, metaKey }: KeyboardEvent): boolean {
  if (key !== 'Enter' || isComposing) return false
  return ctrlKey || metaKey || (!shiftKey && !isTouch())
}

/** Returns what a person must know before sending. */
function notesOf(agent: HubAgent): string[] {
  const { undelivered_prompts: waiting, waiting_prompts: listed, state, connected } = agent
  const notes = []
  if (!connected) notes.push('The machine is not connected. The hub keeps the prompt until it connects.')
  else if (state === 'working' || state === 'waiting')
    notes.push('The agent gets it at its next step, or after this turn.')
  if (waiting > 0 && !listed)
    notes.push(
      `${waiting} ${waiting === 1 ? 'prompt waits' : 'prompts wait'} for the agent. To see and withdraw them, update the machine's daemon.`,
    )
  if (!isTouch()) notes.push('Enter sends, Shift+Enter begins a new line.')
  return notes
}
