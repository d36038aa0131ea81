import { randomBytes } from 'node:crypto'
import { lstatSync } from 'node:fs'
import * as z from 'zod/mini'
import { readOwned } from '../../platform/open-owned.ts'
import type { ProcessIdentity } from '../../platform/process-identity.ts'
import { environmentOf, ownUid, userOf } from '../../platform/process-list.ts'
import { realPath } from '../../platform/real-path.ts'
import { type AgentFolder, agentFolder } from '../disk/folder.ts'
import { ProcessRecord, type RunRecord } from '../disk/records.ts'
import { groupOf } from './cgroup/run-group.ts'

/**
 * Environment variable in which each process of an agent has the path of the agent's folder. Any program can
 * set this variable, so it proves nothing.
 */
export const AGENT_FOLDER = 'FOMULAR_AGENT'
/**
 * Environment variable in which each process of an agent has the secret of its run. The agent's folder
 * records this secret.
 */
export const RUN_MARK = 'FOMULAR_AGENT_MARK'
/** Variable that tells the launcher the id of the agent's user, if this is not the daemon's user. */
export const AGENT_UID = 'FOMULAR_AGENT_UID'

const MARK_BYTES = 16
/** Maximum number of earlier runs whose marks are still recorded. */
const EARLIER = 8
/** Maximum size of a record from which marks are read, in bytes. */
const RECORD_BYTES = 1024 * 1024

/** Facts that identify the processes of one agent. */
export interface Signs {
  /** The agent's folder, with links resolved. */
  dir: string
  /** Id of the daemon's user, who owns the folder. */
  user: number
  /** Ids of the users who run its processes. Other users' processes never count as the agent's. */
  users: readonly number[]
  /** Secrets that the agent's processes carry. Empty for an agent that an earlier version started. */
  marks: readonly string[]
  /** Launcher, agent and feeder. */
  processes: readonly ProcessIdentity[]
  /**
   * Folder of the control group of the agent's current run. All processes in the group belong to the agent,
   * even processes of other users.
   */
  group?: string | undefined
}

type Marks = Pick<RunRecord, 'mark' | 'earlier_marks' | 'agent_uids'>
/** The parts of an agent that `signsOf` and `isMarked` need. */
export interface Marked {
  folder: AgentFolder
  run: RunRecord
}

export const newMark = () => randomBytes(MARK_BYTES).toString('hex')

const marksOf = ({ mark, earlier_marks = [] }: Marks): string[] =>
  mark === undefined ? earlier_marks : [...earlier_marks, mark]

/** Returns what to record for the next run: earlier marks, and the users whose processes carry these marks. */
export const earlierMarks = (run: Marks): Marks => {
  const marks = marksOf(run).slice(-EARLIER)
  return marks.length > 0 ? { earlier_marks: marks, ...withUsers(run) } : {}
}

const withUsers = ({ agent_uids }: Marks): Marks => (agent_uids ? { agent_uids } : {})

/** Returns the record of a run that is about to start, with the user that it runs as. */
export const startedAs = (run: RunRecord, user: { name: string; uid: number } | undefined): RunRecord => {
  const { agent_user: _, ...others } = run
  if (!user) return others
  const earlier = (run.agent_uids ?? []).filter((uid) => uid !== user.uid)
  return { ...others, agent_user: user.name, agent_uids: [...earlier, user.uid].slice(-EARLIER) }
}

/**
 * Returns the identifying facts of one of this daemon's agents. Works even if the agent's folder was deleted.
 */
export function signsOf({ folder, run, process }: Marked & { process: ProcessRecord | undefined }): Signs {
  const processes = process ? [process.launcher, process.agent, process.feeder] : []
  const group = groupOf({ folder, run, process })
  return { dir: folder.real, ...usersOf(ownUid(), run), marks: marksOf(run), processes, group }
}

const usersOf = (user: number, { agent_uids = [] }: Marks) => ({ user, users: [user, ...agent_uids] })

const MarkRecord = z.object({
  mark: z.optional(z.string()),
  earlier_marks: z.optional(z.array(z.string())),
  agent_uids: z.optional(z.array(z.int())),
  group: z.optional(z.string()),
})

/**
 * Reads the identifying facts that an agent's folder records.
 * @param dir untrusted path, which comes from another program
 * @returns undefined if `dir` is not a folder of this user, or if other users can write to it
 */
export function readSigns(dir: string, user: number): Signs | undefined {
  try {
    const found = lstatSync(dir)
    if (!found.isDirectory() || found.uid !== user || (found.mode & 0o022) !== 0) return undefined
  } catch {
    return undefined
  }
  const folder = agentFolder(dir)
  const process = recordAt(folder.process, ProcessRecord)
  const run = recordAt(folder.run, MarkRecord) ?? {}
  return {
    dir: folder.real,
    // Only root's daemon runs agents as other users. Ignore users and groups in another user's record: that
    // user could have recorded any users and groups, whose processes would then be killed.
    ...usersOf(user, user === 0 ? run : {}),
    marks: marksOf(run),
    processes: process ? [process.launcher, process.agent, process.feeder] : [],
    group: user === ownUid() ? groupOf({ folder, run, process }) : undefined,
  }
}

function recordAt<T>(path: string, schema: z.ZodMiniType<T>): T | undefined {
  try {
    return schema.safeParse(JSON.parse(readOwned(path, RECORD_BYTES) ?? '')).data
  } catch {
    return undefined
  }
}

/** Reports whether a process that names the agent's folder also carries one of the agent's marks. */
export const carries = ({ marks }: Pick<Signs, 'marks'>, mark: string | undefined) =>
  mark !== undefined && marks.includes(mark)

/**
 * Reports whether a process belongs to this agent. If the run has no mark, only the agent's folder and the
 * user are compared.
 */
export function isMarked(pid: number, { folder, run }: Marked): boolean {
  const variable = environmentOf(pid)
  const named = variable?.(AGENT_FOLDER)
  if (named === undefined || realPath(named) !== folder.real) return false
  const user = userOf(pid)
  if (user === undefined || !usersOf(ownUid(), run).users.includes(user)) return false
  return run.mark === undefined || variable?.(RUN_MARK) === run.mark
}
