import type { HubMachine } from '../../protocol/hub-objects.ts'
import { choiceOf, modesOf } from '../agent/permission-modes.ts'
import { fleet } from '../fleet/fleet.ts'
import { Select, TextField } from '../parts/form.tsx'
import { modelsOf, type StartForm } from './start-form.ts'

interface StartChoicesProps {
  form: StartForm
  machine: HubMachine | undefined
  set(change: Partial<StartForm>): void
}

/** The settings of a new agent that many people choose. */
export function StartChoices({ form, machine, set }: StartChoicesProps) {
  return (
    <div class="form-pair">
      <Runtime form={form} machine={machine} set={set} />
      <Select
        label="Permission mode"
        value={form.permission_mode}
        onChange={(permission_mode) => set({ permission_mode })}
        choices={[['', "The machine's own setting"], ...modesOf(machine?.status.policy).map(choiceOf)]}
      />
      <TextField
        label="Model"
        placeholder="The machine's own setting"
        hint="An alias such as opus or sonnet, or a full name."
        value={form.model}
        suggestions={modelsOf(fleet.value?.agents.values() ?? [])}
        onChange={(model) => set({ model })}
      />
      <TextField
        label="Title"
        maxLength={200}
        hint="Shown in lists."
        value={form.title}
        onChange={(title) => set({ title })}
      />
    </div>
  )
}

/** The runtimes on the machine, with their problems. */
function Runtime({ form, machine, set }: StartChoicesProps) {
  const runtimes = machine?.status.runtimes ?? []
  const chosen = runtimes.find(({ name }) => name === form.runtime) ?? runtimes[0]
  return (
    <Select
      label="Runtime"
      value={form.runtime}
      onChange={(runtime) => set({ runtime })}
      choices={
        runtimes.length === 0
          ? [['', 'The usual one']]
          : runtimes.map(({ name, version }, index) => [
              index === 0 ? '' : name,
              version === undefined ? name : `${name} ${version}`,
            ])
      }
      doubt={chosen && runtimeDoubt(chosen)}
    />
  )
}

function runtimeDoubt({ name, found, login, problem }: HubMachine['status']['runtimes'][number]) {
  if (problem !== undefined) return problem
  if (!found) return `${name} is not installed on the machine.`
  if (login === 'logged_out' || login === 'expired') return `${name} is not logged in on the machine.`
  return undefined
}
