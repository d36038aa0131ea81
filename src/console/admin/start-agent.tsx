import { useRef, useState } from 'preact/hooks'
import { CommandIds } from '../agent/command-ids.ts'
import { foreseen } from '../agent/foreseen.ts'
import { contentProblem, type Draft, EMPTY_DRAFT } from '../agent/prompt-content.ts'
import { PromptField } from '../agent/prompt-field.tsx'
import { fleet } from '../fleet/fleet.ts'
import { nameOf } from '../fleet/machine-facts.ts'
import { Button } from '../parts/button.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { DialogBar, Form, Select, TextField } from '../parts/form.tsx'
import { tell } from '../parts/notices.tsx'
import { useSending } from '../parts/use-sending.tsx'
import { visible } from '../parts/visible.ts'
import { agentHref } from '../route.ts'
import { hub } from '../session/session.ts'
import { StartChoices } from './start-choices.tsx'
import {
  EMPTY_FORM,
  folderDoubt,
  foldersOf,
  machineDoubt,
  type StartForm,
  specOf,
  startOrder,
} from './start-form.ts'
import { StartMore } from './start-more.tsx'
import { type Starting, StartProgress } from './start-progress.tsx'

interface StartAgentProps {
  /** Machine to choose at first. */
  machineId?: string
  onClose(): void
}

/** The person's entries. They outlive the dialog until the agent is started, or the person chooses **Cancel**. */
let kept: { form: StartForm; draft: Draft } | undefined

/** A dialog that starts an agent, and then leads to its page. */
export function StartAgent({ machineId, onClose }: StartAgentProps) {
  const { value } = fleet
  void value?.version.value
  const machines = startOrder(value?.machines.values() ?? [])
  const [form, setForm] = useState<StartForm>(() => ({
    ...(kept?.form ?? EMPTY_FORM),
    machine_id: machineId ?? kept?.form.machine_id ?? machines[0]?.machine_id ?? '',
  }))
  const [draft, setDraft] = useState(kept?.draft ?? EMPTY_DRAFT)
  const close = () => {
    kept = { form, draft }
    onClose()
  }
  const cancel = () => {
    kept = undefined
    onClose()
  }
  const [starting, setStarting] = useState<Starting>()
  const ids = useRef(new CommandIds())
  const machine = value?.machines.get(form.machine_id)
  const spec = specOf(form, draft)
  const refusals = foreseen(machine, 'agent:start', spec)
  const onStarted = (agent: { machine_id: string; agent_id: string }) => {
    tell('The agent has started.')
    cancel()
    location.hash = agentHref(agent)
  }
  const { isSending, problem, send } = useSending(() => {})
  const submit = () =>
    send(async () => {
      const tooBig = spec.prompt === undefined ? undefined : contentProblem(spec.prompt as never)
      if (tooBig !== undefined) throw new Error(tooBig)
      const body = { machine_id: form.machine_id, spec }
      const outcome = await ids.current.send(body, (command_id) => hub().start({ ...body, command_id }, 1))
      const { agent_id = '', machine_id, command_id } = outcome
      if (outcome.state === 'pending') setStarting({ agent_id, machine_id, command_id })
      else onStarted({ agent_id, machine_id })
    })
  if (starting)
    return (
      <Dialog title="Starting the agent" onClose={onClose}>
        <StartProgress
          starting={starting}
          onStarted={onStarted}
          onBack={() => setStarting(undefined)}
          onClose={onClose}
        />
      </Dialog>
    )
  const set = (change: Partial<StartForm>) => setForm((now) => ({ ...now, ...change }))
  return (
    <Dialog title="Start an agent" onClose={close}>
      <Form onSubmit={submit}>
        <Select
          label="Machine"
          value={form.machine_id}
          onChange={(machine_id) => set({ machine_id, runtime: '', permission_mode: '' })}
          choices={machines.map((each) => [
            each.machine_id,
            `${nameOf(each)}${each.connected ? '' : ' (not connected)'}`,
          ])}
          doubt={machine && machineDoubt(machine)}
        />
        <TextField
          label="Folder on the machine"
          isRequired
          placeholder="/home/me/project"
          hint="The agent works in this folder. It must exist."
          value={form.cwd}
          onChange={(cwd) => set({ cwd })}
          suggestions={foldersOf(machine, value?.agents.values() ?? [])}
          doubt={folderDoubt(machine, form.cwd.trim())}
        />
        <PromptField
          label="What should the agent do?"
          isLabeled
          rows={4}
          placeholder="Fix the failing tests"
          isFixed={isSending}
          draft={draft}
          onDraft={setDraft}
        />
        <StartChoices form={form} set={set} machine={machine} />
        <StartMore form={form} set={set} />
        <DialogBar>
          {refusals.map(({ key, message }) => (
            <p key={message} class="problem" role="alert">
              {visible(message)} (policy: {key})
            </p>
          ))}
          {problem}
          <Button onClick={cancel}>Cancel</Button>
          <Button look="main" type="submit" disabled={isSending || !machine || refusals.length > 0}>
            {isSending ? 'Starting…' : 'Start agent'}
          </Button>
        </DialogBar>
      </Form>
    </Dialog>
  )
}
