import { lstatSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { Emitter } from '../platform/emitter.ts'
import { reasonOf, shortageIn, systemCode, UserError } from '../platform/errors.ts'
import type { Logger } from '../platform/log.ts'
import { orUndefined } from '../platform/or-undefined.ts'
import { faultsOf } from '../platform/ownership.ts'
import { isThere, policyPath, readPolicy } from './read.ts'
import { CAREFUL, OPEN, type Policy } from './schema.ts'

/**
 * Time, in ms, for which the last policy stays in force if no setting names the file and the file is missing.
 * Some editors move a file away before they write the new file.
 */
const MISSING_MS = 5000

/** The policy in force. */
export type PolicyState =
  | { from: 'file'; path: string; policy: Policy }
  /** There is no file. `careful`: the machine was new when it first ran a version with policies. */
  | { from: 'default'; kind: 'careful' | 'open'; policy: Policy }
  /** The file cannot be obeyed: nothing is started. */
  | { from: 'unreadable'; path: string; problem: string; remedy: string }

export interface CurrentPolicyOptions {
  /** Path of the policy that a setting names; undefined to use the default paths. */
  named: string | undefined
  env: NodeJS.ProcessEnv
  /** Default policy if there is no file. */
  otherwise: 'careful' | 'open'
  /** Returns a monotonic time, in ms. */
  monotonic(): number
  logger: Logger
}

/** The machine's policy, read again whenever its file changes. */
export class CurrentPolicy {
  readonly events = new Emitter<{ change: [state: PolicyState] }>()
  readonly #options: CurrentPolicyOptions
  #state: PolicyState
  #readable: Policy | undefined
  #seen: string
  /**
   * Present while the file in force is missing: the time at which it went missing, and the state of its
   * folder.
   */
  #missing: { since: number; folder: string } | undefined

  constructor(options: CurrentPolicyOptions) {
    this.#options = options
    this.#seen = this.#look()
    this.#state = this.#read()
  }

  /** Returns the policy in force. Checks first whether the file has changed. */
  get state(): PolicyState {
    this.refresh()
    return this.#state
  }

  /**
   * Returns the policy that was last read, without access to the disk. Checks that run for each event use
   * this policy.
   */
  get lastRead(): PolicyState {
    return this.#state
  }

  /**
   * Returns the last policy that could be read. This policy limits running agents while the file cannot be
   * read.
   */
  get lastReadable(): Policy | undefined {
    return this.#readable
  }

  /** Reads the file again if it has changed. If the file could not be read, reads it again at each call. */
  refresh() {
    if (this.#isBeingReplaced()) return
    const seen = this.#look()
    if (seen === this.#seen && this.#state.from !== 'unreadable') return
    const before = JSON.stringify(this.#state)
    this.#seen = seen
    this.#state = this.#read()
    if (JSON.stringify(this.#state) === before) return
    this.#options.logger.info(describe(this.#state), 'the policy has changed')
    this.events.emit('change', this.#state)
  }

  /** Reports whether the file of the policy in force has been missing for only a short time. */
  #isBeingReplaced(): boolean {
    const { named, monotonic } = this.#options
    const path = this.#state.from === 'file' ? this.#state.path : undefined
    if (named !== undefined || path === undefined || isThere(path)) {
      this.#missing = undefined
      return false
    }
    // If the folder has changed, the file may have existed for a moment: measure the time from now.
    const folder = String(orUndefined(() => statSync(dirname(path), { bigint: true }).mtimeNs))
    if (this.#missing?.folder !== folder) this.#missing = { since: monotonic(), folder }
    return monotonic() - this.#missing.since < MISSING_MS
  }

  #read(): PolicyState {
    const state = this.#readFile()
    if (state.from !== 'unreadable') this.#readable = state.policy
    return state
  }

  #readFile(): PolicyState {
    const { named, env, otherwise } = this.#options
    const path = policyPath(named, env)
    if (path === undefined)
      return { from: 'default', kind: otherwise, policy: otherwise === 'careful' ? CAREFUL : OPEN }
    try {
      return { from: 'file', path, policy: readPolicy(path) }
    } catch (error) {
      const shortage = shortageIn(error)
      const remedy = error instanceof UserError ? error.remedy : shortage?.remedy
      return { from: 'unreadable', path, problem: reasonOf(error), remedy: remedy ?? 'Correct the file.' }
    }
  }

  /**
   * Returns a text that changes when the file, a link in its path, or the permissions of a parent folder
   * change. Does not read the file.
   */
  #look(): string {
    const path = policyPath(this.#options.named, this.#options.env)
    if (path === undefined) return ''
    try {
      const parts = [lstatSync, statSync].map((stat) => {
        const { dev, ino, size, mtimeNs, ctimeNs } = stat(path, { bigint: true })
        return [dev, ino, size, mtimeNs, ctimeNs].join(':')
      })
      // A parent folder may have become writable by other users.
      return [path, ...parts, ...faultsOf(path).map(({ message }) => message)].join(' ')
    } catch (error) {
      return `${path} ${systemCode(error) ?? reasonOf(error)}`
    }
  }
}

/** Returns the fields of a log line about a policy. */
const describe = (state: PolicyState) =>
  state.from === 'default'
    ? { policy: state.kind }
    : { policy: state.path, ...(state.from === 'unreadable' && { problem: state.problem }) }
