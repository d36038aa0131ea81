import { identify } from '../../platform/process-identity.ts'
import { commandLines, ownUid, userOf } from '../../platform/process-list.ts'
import type { Agent } from '../agent.ts'
import { CommandFailure } from '../command-failure.ts'
import type { RunRecord, SpecRecord } from '../disk/records.ts'
import type { Sessions } from '../runtimes/program.ts'
import { ownUser } from './foreign-run.ts'

type Session = NonNullable<RunRecord['session']>

/**
 * Returns the session for an agent's next run: the requested session, the agent's last session, or the
 * session in its start command, in this order. Undefined for a new session whose id the runtime chooses.
 * @throws CommandFailure
 */
export function nextSession(agent: Agent, asked: string | undefined): Session | undefined {
  const { snapshot, run, record, runtime, isReady } = agent
  // Do not check the requested session, which may come from any source. The runtime reports whether it
  // exists.
  if (asked !== undefined && asked !== snapshot.session_id) return { id: asked, mode: 'resume' }
  if (snapshot.session_id !== undefined) {
    return { id: snapshot.session_id, mode: 'resume' }
  }
  // A runtime does not save a new session before its first turn, so such a session cannot be resumed.
  if (isReady && run.session && run.session.mode !== 'new') return run.session
  return firstSession(record, runtime)
}

/** Returns the session that a new agent begins with; undefined if the runtime chooses its id. */
export function firstSession({ spec }: SpecRecord, { newSessionId }: Sessions): Session | undefined {
  if (spec.session) return { id: spec.session.resume, mode: spec.session.fork ? 'fork' : 'resume' }
  const id = newSessionId?.()
  return id === undefined ? undefined : { id, mode: 'new' }
}

/**
 * Checks that the agent's last session belongs to the user of its next run: a runtime keeps sessions in its user's home.
 * @param user name of that user
 * @throws CommandFailure
 */
export function checkSessionUser({ run, snapshot }: Agent, id: string | undefined, user = ownUser().user) {
  const owner = run.agent_user ?? run.user
  if (id === undefined || id !== snapshot.session_id || owner === undefined || owner === user) return
  throw new CommandFailure(
    'no_session',
    `Session ${id} belongs to ${owner}, but agents now run as ${user ?? 'another user'}.`,
    { remedy: `Start a new agent, or have agents run as ${owner} again.` },
  )
}

/**
 * Returns the session that a running agent's process has open or is about to open. `/clear` changes it. A
 * fork reports its new session only at its first turn.
 */
function openSession({ snapshot, run, isReady }: Agent): string | undefined {
  const begunIn = run.session?.mode === 'fork' ? undefined : run.session?.id
  return (isReady ? snapshot.session_id : undefined) ?? begunIn
}

/**
 * Checks that none of these agents has the session open, or is about to open it.
 * @param resuming agents that are being resumed, each with the session that it is about to open
 * @throws CommandFailure naming the agent
 */
export function checkSession(
  agents: Iterable<Agent>,
  resuming: ReadonlyMap<Agent, { sessionId: string }>,
  sessionId: string,
  except?: Agent,
) {
  for (const agent of agents) {
    if (agent === except) continue
    const open = agent.hasEnded ? resuming.get(agent)?.sessionId : openSession(agent)
    if (open === sessionId) throw sessionInUse(`Agent ${agent.id} is running in session ${sessionId}.`)
  }
}

/**
 * Checks that no process outside this daemon has the session open, such as a terminal or another daemon's
 * agent. A runtime does not detect two processes in one session, although the processes would corrupt each
 * other's work. If the runtime has no record of a process, the session in the process's arguments is used.
 * @throws CommandFailure naming the process
 */
export function checkSessionElsewhere(
  runtime: Sessions,
  sessionId: string,
  {
    env,
    agents,
    user,
  }: {
    /** Environment of the new run. */
    env: NodeJS.ProcessEnv
    /** This daemon's agents, whose open sessions are known from their journals. */
    agents: Iterable<Agent>
    /** Id of the new run's user; by default, the daemon's. */
    user?: number | undefined
  },
) {
  const processes = commandLines().filter(({ argv }) => !isLauncher(argv) && !isOrder(argv))
  const open = runtime.openSessions(
    env,
    processes.map(({ pid }) => pid),
  )
  const own = new Set([...agents].map((agent) => (agent.hasEnded ? undefined : agent.process?.agent.pid)))
  const isIn = ({ pid, argv }: { pid: number; argv: string[] }) => {
    const { sessionId: said, start } = open.get(pid) ?? {}
    // Ignore the record of an earlier process with the same pid.
    if (said !== undefined && (start === undefined || start === identify(pid)?.start))
      return said === sessionId
    return !own.has(pid) && runtime.isInSession(argv, sessionId)
  }
  // Sessions are in a user's home, so another user's process must not block this user's sessions.
  const users = [user ?? ownUid(), 0]
  const other = processes.find((each) => isIn(each) && users.includes(userOf(each.pid) ?? ownUid()))
  if (other) throw sessionInUse(`Process ${other.pid} is running in session ${sessionId}.`)
}

/**
 * Recognizes a launcher, which must be ignored: its arguments include the agent's arguments, and it runs a
 * little longer than the agent.
 */
const isLauncher = (argv: string[]) => argv[1]?.endsWith('/launch.sh')

/** Recognizes `agent start --resume SESSION` of this program, also after `sudo`, `timeout` or `npx`. */
const isOrder = (argv: string[]) => argv.some((arg, i) => arg === 'agent' && argv[i + 1] === 'start')

const sessionInUse = (message: string) =>
  new CommandFailure('session_in_use', message, {
    path: 'spec.session.resume',
    remedy: 'Stop that agent or process, or fork the session.',
  })
