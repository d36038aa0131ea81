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
    remedy: 'Leave it out, or choose another runtime.',
  })
}
