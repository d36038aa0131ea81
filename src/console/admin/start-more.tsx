import { ON_LIMIT } from '../agent/permission-modes.ts'
import { Check, Field, Select, TextField } from '../parts/form.tsx'
import type { StartForm } from './start-form.ts'

interface StartMoreProps {
  form: StartForm
  set(change: Partial<StartForm>): void
}

const RESTART = [
  ['', 'Never'],
  ['on-loss', 'After a reboot, or when something else ended the agent'],
  ['on-failure', 'Also after an exit code other than 0'],
] as const

/** The settings of a new agent that few people change, folded. */
export function StartMore({ form, set }: StartMoreProps) {
  return (
    <details>
      <summary>More settings</summary>
      <div class="form">
        <Lines
          label="Instructions to add to the system prompt"
          value={form.instructions}
          onChange={(instructions) => set({ instructions })}
        />
        <div class="form-pair">
          <TextField
            label="Tools to allow without asking"
            placeholder="Read, Bash(git log *)"
            value={form.allowed_tools}
            onChange={(allowed_tools) => set({ allowed_tools })}
          />
          <TextField
            label="Tools to forbid"
            placeholder="WebFetch"
            value={form.disallowed_tools}
            onChange={(disallowed_tools) => set({ disallowed_tools })}
          />
          <TextField
            label="Model while the usual one is overloaded"
            value={form.fallback_model}
            onChange={(fallback_model) => set({ fallback_model })}
          />
          <TextField
            label="Amount of thinking"
            suggestions={['low', 'medium', 'high', 'xhigh', 'max']}
            value={form.effort}
            onChange={(effort) => set({ effort })}
          />
        </div>
        <Lines
          label="Further folders, one on each line"
          value={form.add_dirs}
          onChange={(add_dirs) => set({ add_dirs })}
        />
        <Check
          label="Work on a new branch, in a separate folder next to the git repository"
          checked={form.worktree}
          onChange={(worktree) => set({ worktree })}
        />
        <Limits form={form} set={set} />
        <TextField
          label="Session to continue"
          hint="Id of an earlier conversation on that machine."
          value={form.session}
          onChange={(session) => set({ session })}
        />
        {form.session.trim() !== '' && (
          <Check label="Continue in a copy of it" checked={form.fork} onChange={(fork) => set({ fork })} />
        )}
        <Select
          label="Restart the agent"
          value={form.restart}
          choices={RESTART}
          onChange={(restart) => set({ restart: restart as StartForm['restart'] })}
        />
        {form.restart !== '' && (
          <Check
            label="Then continue the interrupted turn"
            checked={form.resume_turn}
            onChange={(resume_turn) => set({ resume_turn })}
          />
        )}
        <Select
          label="When the usage limit of the account ends a turn"
          value={form.on_limit}
          choices={[['', "The machine's own setting"], ...Object.entries(ON_LIMIT)]}
          onChange={(on_limit) => set({ on_limit })}
        />
      </div>
    </details>
  )
}

function Limits({ form, set }: StartMoreProps) {
  return (
    <div class="form-pair">
      <TextField
        label="Most steps in one turn"
        type="number"
        min={1}
        value={form.max_turns}
        onChange={(max_turns) => set({ max_turns })}
      />
      <TextField
        label="Most costs, in US dollars"
        type="number"
        min={0}
        step="any"
        value={form.max_budget_usd}
        onChange={(max_budget_usd) => set({ max_budget_usd })}
      />
      <TextField
        label="Most memory, in MiB"
        type="number"
        min={1}
        value={form.memory_max_mb}
        onChange={(memory_max_mb) => set({ memory_max_mb })}
      />
    </div>
  )
}

interface LinesProps {
  label: string
  value: string
  onChange(value: string): void
}

const Lines = ({ label, value, onChange }: LinesProps) => (
  <Field label={label}>
    {(id) => (
      <textarea
        id={id}
        rows={2}
        dir="auto"
        value={value}
        onInput={(event) => onChange(event.currentTarget.value)}
      />
    )}
  </Field>
)
