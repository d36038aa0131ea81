import type { AgentSpec } from '../../protocol/index.ts'
import { CommandFailure } from '../command-failure.ts'
import type { RuntimeAdapter } from './runtime.ts'

/** Settings of every agent. All other settings are supported only by some runtimes. */
export const COMMON_FIELDS = [
  'runtime',
  'cwd',
  'prompt',
  'title',
  'env',
  'session',
  'restart',
  'lease',
  'on_limit',
  'worktree',
] as const satisfies readonly (keyof AgentSpec)[]

/**
 * Checks that the runtime supports every setting in the specification. Without this check, an agent might run
 * without a limit that was requested.
 * @throws CommandFailure
 */
export function checkSettings(
  spec: AgentSpec,
  { name, settings }: Pick<RuntimeAdapter, 'name' | 'settings'>,
) {
  const known: readonly string[] = [...COMMON_FIELDS, ...settings]
  const unknown = Object.entries(spec).find(([field, value]) => value !== undefined && !known.includes(field))
  if (!unknown) return
  const [field] = unknown
  throw new CommandFailure('invalid_command', `The runtime "${name}" has no setting ${field}.`, {
    path: `spec.${field}`,
    remedy: 'Remove the setting, or choose another runtime.',
  })
}

const ON_LIMIT = ['wait', 'stop', 'show']

/**
 * Checks the setting `on_limit`, which decides what an agent does at its usage limit.
 * @param path of the value in the command
 * @throws CommandFailure
 */
export function checkOnLimit(given: string | undefined, path: string) {
  if (given === undefined || ON_LIMIT.includes(given)) return
  throw new CommandFailure('invalid_command', `This daemon does not know the on_limit "${given}".`, {
    path,
    remedy: `Choose one of: ${ON_LIMIT.join(', ')}.`,
  })
}
