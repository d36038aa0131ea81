import { reasonOf, shortageIn, systemCode, UserError } from '../../platform/errors.ts'
import { NotPlainError } from '../../platform/plain-files.ts'
import { CommandFailure } from '../command-failure.ts'
import { isOwn } from './read-record.ts'

/**
 * Returns why an agent's folder is temporarily unreadable, if it is not damaged. A daemon must not start
 * without such an agent: if an agent is missing in the greeting, a server treats it as removed.
 * @returns undefined if the folder is damaged
 */
export function obstacleTo(error: unknown, dir: string): UserError | undefined {
  // The folder belongs to another user or a newer version.
  if (error instanceof UserError && !(error instanceof NotPlainError)) return error
  const shortage = shortageIn(error)
  if (shortage)
    return new UserError('shortage', `Cannot take over the agents: ${shortage.message}`, {
      remedy: `${shortage.remedy} The agents keep running until then.`,
      cause: error,
    })
  if (!['EACCES', 'EPERM'].includes(systemCode(error) ?? '')) return undefined
  if (isOwn((error as NodeJS.ErrnoException).path ?? dir)) return undefined
  return new UserError('unreadable', `The agent in ${dir} cannot be taken over: ${reasonOf(error)}.`, {
    remedy: "Make the daemon's user the owner of the folder and its contents (chown -R).",
    cause: error,
  })
}

export function notLaunched(error: unknown): CommandFailure {
  if (error instanceof CommandFailure) return error
  const { message, remedy } = shortageIn(error) ??
    tooLong(error) ?? { message: (error as Error).message, remedy: undefined }
  return new CommandFailure(
    'start_failed',
    `Cannot launch the agent: ${message}`,
    remedy === undefined ? {} : { remedy },
  )
}

const tooLong = (error: unknown) =>
  systemCode(error) === 'E2BIG'
    ? {
        message: 'its settings exceed the maximum length of a command line',
        remedy: "Shorten the agent's lists of tools, its system prompt or its environment.",
      }
    : undefined
