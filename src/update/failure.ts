import { Failure, type FailureDetails, systemCode } from '../platform/errors.ts'
import type { CommandError, CommandErrorCode, UpdateProgress } from '../protocol/index.ts'

export type Stage = UpdateProgress['stage']

export type UpdateErrorCode = Extract<CommandErrorCode, `update_${string}` | 'policy'>

/**
 * Maximum number of characters that a failure quotes from the output of npm or of a tested version. This is
 * enough for one error message.
 */
const OUTPUT_CHARS = 2000

/** Removes usernames and passwords in addresses, and a registry's tokens, from a text. */
export const withoutSecrets = (text: string): string =>
  text
    .replace(/(\/\/)[^/\s@"']+@/g, '$1***@')
    .replace(/(_authToken|_auth|_password|Bearer|Basic)(\s*[=:]\s*|\s+)[^\s"']+/g, '$1$2***')
    .replace(/\bnpm_[A-Za-z0-9]{20,}/g, '***')

/** The failure of an update, after which the previous version is still running. */
export class UpdateFailure extends Failure {
  readonly error: CommandError

  constructor(
    code: UpdateErrorCode,
    stage: Stage,
    message: string,
    { output, path, ...details }: { output?: string; path?: string } & Omit<FailureDetails, 'exitCode'> = {},
  ) {
    const remedy = details.remedy && withoutSecrets(details.remedy)
    super(code, withoutSecrets(message), { ...details, remedy })
    const said = output && withoutSecrets(output).trim().slice(-OUTPUT_CHARS)
    this.error = {
      code,
      message: this.message,
      stage,
      ...(path !== undefined && { path }),
      ...(said && { output: said }),
      ...(remedy && { remedy }),
    }
  }

  /** Restores a failure from the record of its update. */
  static of(error: CommandError): UpdateFailure {
    const { code, stage = 'resolve', message, remedy } = error
    return Object.assign(new UpdateFailure(code as UpdateErrorCode, stage as Stage, message, { remedy }), {
      error,
    })
  }
}

/** Messages and remedies for errors of files, by the system's error code. */
const FILE_TROUBLES: Record<string, { message: string; remedy: string }> = {
  ENOENT: {
    message: 'PATH no longer exists.',
    remedy: 'Install the program again, then restart the daemon.',
  },
  EACCES: {
    message: 'This user has no access to PATH.',
    remedy: "Give the daemon's user access to that path.",
  },
  EPERM: {
    message: 'This user may not change PATH.',
    remedy: "Make the daemon's user the owner of that path.",
  },
  EROFS: { message: 'PATH is on a read-only file system.', remedy: 'Make that file system writable.' },
  EIO: { message: 'The disk with PATH has errors.', remedy: "See the system's log, and replace that disk." },
}

/** Converts any error of a stage into the failure of an update. */
export function asFailure(error: unknown, stage: Stage): UpdateFailure {
  if (error instanceof UpdateFailure) return error
  const code = systemCode(error)
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new UpdateFailure('update_disk_full', stage, 'The disk is full.', {
      remedy: 'Free space on the disk.',
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
