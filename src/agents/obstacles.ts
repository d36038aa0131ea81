import { reasonOf, shortageIn, systemCode, UserError } from '../platform/errors.ts'
import { CommandFailure } from './failure.ts'

/**
 * Returns why an agent's folder cannot be read at present, if its contents are not to blame. A daemon must not start
 * without such an agent, because a server takes an agent missing from the greeting for gone.
 * @returns undefined if the folder is damaged
 */
export function obstacleTo(error: unknown, dir: string): UserError | undefined {
  // The folder belongs to another user or a newer version.
  if (error instanceof UserError) return error
  const shortage = shortageIn(error)
  if (shortage)
    return new UserError('shortage', `The agents cannot be taken over: ${shortage.message}`, {
      remedy: `${shortage.remedy} The agents run on until then.`,
      cause: error,
    })
  if (!['EACCES', 'EPERM'].includes(systemCode(error) ?? '')) return undefined
  return new UserError('unreadable', `The agent in ${dir} cannot be taken over: ${reasonOf(error)}.`, {
    remedy: 'Give the folder, with all that is in it, to the user of the daemon (chown -R).',
    cause: error,
  })
}

export function notLaunched(error: unknown): CommandFailure {
  const { message, remedy } = shortageIn(error) ??
    tooLong(error) ?? { message: (error as Error).message, remedy: undefined }
  return new CommandFailure(
    'start_failed',
    `The agent could not be launched: ${message}`,
    remedy === undefined ? {} : { remedy },
  )
}

const tooLong = (error: unknown) =>
  systemCode(error) === 'E2BIG'
    ? {
        message: 'its settings are longer than a command line may be',
        remedy: 'Shorten its lists of tools, its system prompt or its environment.',
      }
    : undefined
