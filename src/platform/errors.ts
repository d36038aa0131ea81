import { EXIT } from './exit-codes.ts'

export interface FailureDetails {
  /** Advice on how to fix the failure, as one sentence in the imperative. */
  remedy?: string | undefined
  /** Exit code if this failure ends the process; see `EXIT`. */
  exitCode?: number
  cause?: unknown
}

/**
 * A foreseen error. Its message and remedy are for people; its code is for programs. All other errors are
 * bugs, which are reported with their stack.
 */
export class Failure extends Error {
  /** Identifies the failure to programs. Never changes. */
  readonly code: string
  readonly remedy: string | undefined
  readonly exitCode: number

  constructor(
    code: string,
    message: string,
    { remedy, exitCode = EXIT.failure, cause }: FailureDetails = {},
  ) {
    super(message, { cause })
    this.name = new.target.name
    this.code = code
    this.remedy = remedy
    this.exitCode = exitCode
  }
}

export interface UserErrorDetails extends FailureDetails {
  /** Further facts for programs. In JSON, each fact is a field next to `code` and `message`. */
  facts?: Record<string, unknown>
}

/** A failure that this program reports to its user. */
export class UserError extends Failure {
  readonly facts: Record<string, unknown>

  constructor(code: string, message: string, { facts = {}, ...details }: UserErrorDetails = {}) {
    super(code, message, details)
    this.facts = facts
  }
}

/** The `code` of a system error, such as ENOENT. */
export const systemCode = (error: unknown): string | undefined =>
  error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined

/** Reports whether an error means that the disk, or this user's quota, is full. */
export const isDiskFull = (error: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes(systemCode(error) ?? '')

const SHORTAGES: Record<string, { message: string; remedy: string }> = {
  EMFILE: {
    message: 'this process may not open any more files (EMFILE).',
    remedy: 'Raise its limit on open files (`ulimit -n`, or LimitNOFILE= of the unit) and start it again.',
  },
  ENFILE: {
    message: 'the machine has too many files open (ENFILE).',
    remedy: 'End the programs that have them open, or raise the sysctl fs.file-max.',
  },
  EAGAIN: {
    message: 'this user may not start any more processes (EAGAIN).',
    remedy: 'End some of them, or raise the limit on processes (`ulimit -u`, or TasksMax= of the unit).',
  },
  ENOMEM: {
    message: 'the machine has no memory left (ENOMEM).',
    remedy: 'Stop the programs that use the most memory.',
  },
}

/**
 * Returns the shortage of resources that caused an error; undefined for other errors. Such an error says
 * nothing about the file or program involved.
 */
export const shortageIn = (error: unknown) => SHORTAGES[systemCode(error) ?? '']

/**
 * Returns the reason why the system refused a file, such as `no such file or directory`, without the code,
 * system call, and path.
 */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return systemCode(error) === undefined
    ? message
    : message.replace(/^[A-Z]\w+: (.*?), \w+(?: '.*')?$/s, '$1')
}
