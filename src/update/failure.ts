import { systemCode } from '../platform/errors.ts'
import type { CommandError, CommandErrorCode, UpdateProgress } from '../protocol/index.ts'

export type Stage = UpdateProgress['stage']

export type UpdateErrorCode = Extract<CommandErrorCode, `update_${string}`>

/** Last characters of what npm, or a version that was tried, said: enough for its own explanation. */
const OUTPUT_CHARS = 2000

/** Text without names and passwords in addresses, and without a registry's tokens. */
export const withoutSecrets = (text: string): string =>
  text
    .replace(/(\/\/)[^/\s@"']+@/g, '$1***@')
    .replace(/(_authToken|_auth|_password|Bearer|Basic)(\s*[=:]\s*|\s+)[^\s"']+/g, '$1$2***')
    .replace(/\bnpm_[A-Za-z0-9]{20,}/g, '***')

/** Why an update did not come about. The version that ran before still does. */
export class UpdateFailure extends Error {
  readonly error: CommandError

  constructor(
    code: UpdateErrorCode,
    stage: Stage,
    message: string,
    { output, remedy, cause }: { output?: string; remedy?: string; cause?: unknown } = {},
  ) {
    super(withoutSecrets(message), { cause })
    this.name = 'UpdateFailure'
    const said = output && withoutSecrets(output).trim().slice(-OUTPUT_CHARS)
    this.error = {
      code,
      message: this.message,
      stage,
      ...(said && { output: said }),
      ...(remedy && { remedy: withoutSecrets(remedy) }),
    }
  }

  /** One that was recorded. */
  static of(error: CommandError): UpdateFailure {
    return Object.assign(new UpdateFailure('update_failed', 'resolve', error.message), { error })
  }
}

/** What the system refuses about files, by its code. */
const FILE_TROUBLES: Record<string, { message: string; remedy: string }> = {
  ENOENT: {
    message: 'PATH is not there any more.',
    remedy: 'Install the program again, then restart the daemon.',
  },
  EACCES: { message: 'This user may not use PATH.', remedy: 'Give it to the user of the daemon.' },
  EPERM: { message: 'This user may not change PATH.', remedy: 'Give it to the user of the daemon.' },
  EROFS: { message: 'PATH is on a file system that is read-only.', remedy: 'Make that writable.' },
  EIO: { message: 'The disk with PATH fails.', remedy: "See the system's log, and replace that disk." },
}

/** Whatever went wrong at a stage, in the words of an update. */
export function asFailure(error: unknown, stage: Stage): UpdateFailure {
  if (error instanceof UpdateFailure) return error
  const code = systemCode(error)
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new UpdateFailure('update_disk_full', stage, 'The disk is full.', {
      remedy: 'Make room on it.',
      cause: error,
    })
  const { path = 'a file of the installation' } = error as NodeJS.ErrnoException
  const known = code !== undefined && Object.hasOwn(FILE_TROUBLES, code) ? FILE_TROUBLES[code] : undefined
  const message = error instanceof Error ? error.message : String(error)
  return new UpdateFailure(
    'update_failed',
    stage,
    known ? known.message.replace('PATH', () => path) : message,
    {
      ...(known && { remedy: known.remedy }),
      cause: error,
    },
  )
}
