import type * as z from 'zod/mini'
import type { FleetAgent } from '../../client/fleet-agent.ts'
import type { HubMachine } from '../../protocol/hub-objects.ts'
import { isWithin } from '../../protocol/policy-rules.ts'
import type { AgentSpec } from '../../protocol/spec.ts'
import { contentOf, type Draft } from '../agent/prompt-content.ts'

/** The fields of the dialog that starts an agent. Empty fields keep the machine's own settings. */
export interface StartForm {
  machine_id: string
  cwd: string
  runtime: string
  title: string
  model: string
  permission_mode: string
  fallback_model: string
  effort: string
  /** Text that is added to the agent's system prompt. */
  instructions: string
  /** Tools separated by commas. */
  allowed_tools: string
  disallowed_tools: string
  /** Folders, one on each line. */
  add_dirs: string
  worktree: boolean
  session: string
  fork: boolean
  max_turns: string
  max_budget_usd: string
  memory_max_mb: string
  restart: '' | NonNullable<AgentSpec['restart']>['policy']
  resume_turn: boolean
  on_limit: string
}

export const EMPTY_FORM: StartForm = {
  machine_id: '',
  cwd: '',
  runtime: '',
  title: '',
  model: '',
  permission_mode: '',
  fallback_model: '',
  effort: '',
  instructions: '',
  allowed_tools: '',
  disallowed_tools: '',
  add_dirs: '',
  worktree: false,
  session: '',
  fork: false,
  max_turns: '',
  max_budget_usd: '',
  memory_max_mb: '',
  restart: '',
  resume_turn: false,
  on_limit: '',
}

type Spec = z.input<typeof AgentSpec>

/** Returns the specification of the agent that a form and its prompt describe. */
export function specOf(form: StartForm, prompt: Draft): Spec {
  const limits = given({
    max_turns: numberIn(form.max_turns),
    max_budget_usd: numberIn(form.max_budget_usd),
    memory_max_mb: numberIn(form.memory_max_mb),
  })
  const [session, instructions] = [form.session.trim(), form.instructions.trim()]
  return {
    cwd: form.cwd.trim(),
    ...given({
      runtime: textIn(form.runtime),
      title: textIn(form.title),
      model: textIn(form.model),
      fallback_model: textIn(form.fallback_model),
      effort: textIn(form.effort),
      permission_mode: textIn(form.permission_mode),
      on_limit: textIn(form.on_limit),
      prompt: contentOf(prompt),
      system_prompt: instructions === '' ? undefined : { mode: 'append' as const, text: instructions },
      allowed_tools: listIn(form.allowed_tools, COMMAS),
      disallowed_tools: listIn(form.disallowed_tools, COMMAS),
      worktree: form.worktree ? {} : undefined,
      add_dirs: listIn(form.add_dirs, /\n/),
      session: session === '' ? undefined : { resume: session, fork: form.fork },
      limits: Object.keys(limits).length > 0 ? limits : undefined,
      restart: form.restart === '' ? undefined : { policy: form.restart, resume_turn: form.resume_turn },
    }),
  }
}

/** Matches commas outside of parentheses, as between `Read,Bash(git log *, git diff *)`. */
const COMMAS = /,(?![^(]*\))/

type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

const given = <T extends object>(fields: T) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Given<T>

const textIn = (text: string) => (text.trim() === '' ? undefined : text.trim())
const numberIn = (text: string) => (text.trim() === '' ? undefined : Number(text))
const listIn = (text: string, separator: RegExp) => {
  const items = text
    .split(separator)
    .map((item) => item.trim())
    .filter(Boolean)
  return items.length === 0 ? undefined : items
}

/** Maximum number of folders that are suggested. */
const MOST_FOLDERS = 50

/**
 * Returns the folders to suggest for a machine: those in which its agents ran, the latest first, then those
 * that its policy allows.
 */
export function foldersOf(machine: HubMachine | undefined, agents: Iterable<FleetAgent>): string[] {
  if (!machine) return []
  const own = [...agents].filter(({ machine_id }) => machine_id === machine.machine_id)
  own.sort((one, other) => (one.since < other.since ? 1 : -1))
  const allowed = machine.status.policy?.folders?.allow.filter((folder) => folder !== '/') ?? []
  return [...new Set([...own.map(({ cwd }) => cwd), ...allowed])].slice(0, MOST_FOLDERS)
}

/** Maximum number of models that are suggested. */
const MOST_MODELS = 20

/** Returns the models to suggest: those that the agents of this hub have used, the latest first. */
export function modelsOf(agents: Iterable<FleetAgent>): string[] {
  const latest = [...agents].sort((one, other) => (one.since < other.since ? 1 : -1))
  return [...new Set(latest.flatMap(({ model }) => model || []))].slice(0, MOST_MODELS)
}

/**
 * Returns why a machine probably refuses a folder; undefined if it probably accepts it. Only the machine knows
 * where links lead.
 */
export function folderDoubt(machine: HubMachine | undefined, folder: string): string | undefined {
  const { allow, deny } = machine?.status.policy?.folders ?? {}
  if (!allow || !deny || !folder.startsWith('/')) return undefined
  const denied = deny.find((outer) => isWithin(folder, outer))
  if (denied !== undefined) return `The machine's policy denies agents the folder ${denied}.`
  if (allow.some((outer) => isWithin(folder, outer))) return undefined
  return `The machine's policy allows agents only in ${allow.join(', ') || 'no folder'}, and in links to these folders.`
}

/** Orders machines for a choice: those that can start an agent first, then the other connected ones. */
export function startOrder(machines: Iterable<HubMachine>): HubMachine[] {
  const rank = ({ connected, status }: HubMachine) => (!connected ? 2 : status.accepts_agents ? 0 : 1)
  const name = ({ name, hostname }: HubMachine) => name ?? hostname
  return [...machines].sort((one, other) => rank(one) - rank(other) || name(one).localeCompare(name(other)))
}

/** Returns why a machine cannot start an agent now, or starts it later; undefined if it can. */
export function machineDoubt(machine: HubMachine): string | undefined {
  if (!machine.connected) return 'The machine is not connected. The agent starts once it connects.'
  const [problem] = machine.status.problems.filter(({ severity }) => severity === 'error')
  if (!machine.status.accepts_agents)
    return (
      problem?.message ?? 'The machine accepts no agents now: its disk is almost full, or it is stopping.'
    )
  return problem && [problem.message, problem.remedy].filter(Boolean).join(' ')
}
