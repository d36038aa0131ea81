import { uuidFrom } from '../../../src/agents/events/ids.ts'
import type { Issued } from '../orders.ts'
import type { Input, ProcessTruth } from '../truth.ts'
import type { Case, Judge } from './judge.ts'

/** Matches the last characters of a message about a shortage of descriptors or processes. */
const SHORTAGE = /\((EMFILE|EAGAIN)\)\.$/

const failed = (command: Issued) => command.outcome?.state === 'failed'
/**
 * With a full disk, a daemon cannot record that it refused a command. The next daemon may then execute the
 * command.
 */
const forgotten = (command: Issued) => command.outcome?.error?.code === 'disk_full'
const succeeded = (command: Issued) => command.outcome?.state === 'succeeded'

/**
 * True for a command that was sent before its machine was rolled back. The machine may have forgotten the
 * command, and may execute it again.
 */
const setBackSince = ({ setBack }: Case, { given }: Issued) => setBack !== undefined && given <= setBack

const inLives = (processes: ProcessTruth[]): ProcessTruth[][] =>
  [...new Set(processes.map(({ life }) => life))].map((life) =>
    processes.filter((process) => process.life === life),
  )

const duplicates = (ids: string[]) => [...new Set(ids.filter((id, n) => ids.indexOf(id) !== n))]

/** Each prompt arrives once and unchanged; a prompt is lost only with its agent. */
export const prompts: Judge = (agent) => {
  const { known, processes, commands } = agent
  const problems: string[] = []
  const carrying = commands.filter(({ digest }) => digest !== undefined)
  const read = processes.flatMap(({ inputs }) => inputs.filter(({ type }) => type === 'user'))
  for (const life of inLives(processes))
    for (const id of duplicates(life.flatMap(({ acted }) => acted)))
      problems.push(`prompt ${id} was executed twice`)
  for (const { run, inputs } of processes)
    for (const id of duplicates(inputs.flatMap(({ id }) => id ?? [])))
      problems.push(`prompt ${id} arrived twice in run ${run}`)
  for (const { id, digest } of read) {
    const command = carrying.find((command) => command.id === id)
    if (!command) problems.push(`prompt ${id} arrived, but was not sent to this agent`)
    else if (command.digest !== digest) problems.push(`prompt ${id} arrived changed`)
    else if (
      command.kind === 'prompt' &&
      failed(command) &&
      !forgotten(command) &&
      !setBackSince(agent, command)
    )
      problems.push(
        `prompt ${id} arrived, but its command had failed: ${JSON.stringify(command.outcome?.error)}`,
      )
  }
  const withdrawn = new Set(commands.filter(succeeded).flatMap((command) => command.withdrawn ?? []))
  for (const command of commands)
    if (command.withdrawn !== undefined && succeeded(command) && !setBackSince(agent, command))
      if (processes.some(({ acted }) => acted.includes(command.withdrawn!)))
        problems.push(`prompt ${command.withdrawn} was executed, although ${command.id} had withdrawn it`)
  if (!known.removing)
    for (const command of carrying)
      if (
        succeeded(command) &&
        !withdrawn.has(command.id) &&
        !setBackSince(agent, command) &&
        !read.some(({ id }) => id === command.id)
      )
        problems.push(`prompt ${command.id} (${command.kind}) never arrived`)
  return problems
}

/** Each request of a process is answered at most once, and by the command that was sent to answer it. */
export const answers: Judge = (agent) => {
  const { known, processes, commands } = agent
  const problems: string[] = []
  const byCommand = new Map<string, number>()
  for (const process of processes) {
    const asked = new Set(process.acted.map((id) => `${id}:ask`))
    const responses = process.inputs
      .filter(({ type }) => type === 'control_response')
      .map(({ response }) => response!)
    for (const id of duplicates(responses.map(({ request_id }) => request_id)))
      problems.push(`request ${id} was answered twice`)
    for (const { request_id, response } of responses) {
      if (!asked.has(request_id))
        problems.push(`an answer to ${request_id} arrived, which run ${process.run} never requested`)
      const by = response.updatedInput?.by ?? response.message ?? ''
      byCommand.set(by, (byCommand.get(by) ?? 0) + 1)
      const command = commands.find(({ id }) => id === by)
      if (command?.request !== request_id)
        problems.push(`the answer of ${by} arrived for ${request_id}, not ${command?.request}`)
      else if (failed(command) && !setBackSince(agent, command))
        problems.push(
          `the answer of ${by} arrived, but the command had failed: ${JSON.stringify(command.outcome?.error)}`,
        )
    }
  }
  if (!known.removing)
    for (const command of commands.filter(({ kind }) => kind === 'permission'))
      if (
        succeeded(command) &&
        !setBackSince(agent, command) &&
        !byCommand.has(command.id) &&
        !ended(processes, command.request!)
      )
        problems.push(`the answer of ${command.id} to ${command.request} never arrived`)
  return problems
}

/**
 * Reports whether the process that sent the request ended before it had read all its input. The last line of
 * the input ends the session.
 */
function ended(processes: ProcessTruth[], request: string): boolean {
  const asking = processes.findLast(({ acted }) => acted.some((id) => `${id}:ask` === request))
  return !asking?.inputs.some((input) => input.request?.subtype === 'end_session')
}

/** Each control request arrives once, and each stop ends at most one run. */
export const controls: Judge = (agent) => {
  const { known, processes, commands } = agent
  const came = processes.flatMap(({ run, life, inputs }) =>
    inputs
      .filter(({ type }) => type === 'control_request')
      .map((input: Input) => ({ run, life, id: input.request_id! })),
  )
  const problems = duplicates(came.map(({ id, life }) => `${id} (life ${life})`)).map(
    (id) => `control ${id} arrived twice`,
  )
  const names = new Map<string, string>()
  for (const { id, kind } of commands)
    if (kind === 'stop')
      for (const { run } of processes)
        for (const step of ['stop-interrupt', 'stop-end']) names.set(uuidFrom(step, id, run), id)
  // A stop or a remove also ends runs that a restart policy started after the command was sent.
  const policy = restartPolicy(commands)
  for (const command of commands)
    if (setBackSince(agent, command)) continue
    else if (command.kind === 'stop' && !policy) {
      const runs = new Set(came.filter(({ id }) => names.get(id) === command.id).map(({ run }) => run))
      if (runs.size > 1)
        problems.push(`${command.kind} ${command.id} stopped runs ${[...runs].join(' and ')}`)
    } else if (command.kind === 'interrupt' && succeeded(command)) {
      const id = uuidFrom('interrupt', known.id, command.id)
      if (!came.some((control) => control.id === id)) problems.push(`interrupt ${command.id} never arrived`)
    }
  return problems
}

/** Each run has one process, each command or restart leads to at most one run, and no two runs overlap. */
export const processesOnce: Judge = ({ processes, commands }: Case) => {
  const problems = processes.flatMap(({ violations }) => violations)
  const runs = processes.map(({ run }) => run)
  for (const life of inLives(processes)) {
    const own = life.map(({ run }) => run)
    for (const run of duplicates(own.map(String))) problems.push(`run ${run} had two processes`)
    if (own.some((run, n) => n > 0 && run < own[n - 1]!))
      problems.push(`runs out of order: ${own.join(', ')}`)
  }
  const policy = restartPolicy(commands)
  const resumes = commands.filter(({ kind, state }) => kind === 'resume' && state === 'accepted').length
  if (!policy && Math.max(0, ...runs) > 1 + resumes)
    problems.push(`${Math.max(...runs)} runs for one start and ${resumes} resumes`)
  return problems
}

/** Every accepted command has an outcome, and no command failed because of a bug in the daemon. */
export const outcomes: Judge = ({ commands, limited }) =>
  commands.flatMap(({ id, kind, state, outcome, forgotten }) => {
    if (state === 'open') return [`${kind} ${id} was never accepted`]
    if (forgotten) return [`${kind} ${id} was accepted and then forgotten, without an outcome`]
    if (state === 'accepted' && outcome?.state === 'pending') return [`${kind} ${id} has no outcome`]
    const { code, message = '' } = outcome?.error ?? {}
    if (limited && SHORTAGE.test(message)) return []
    return code === 'internal' ? [`${kind} ${id} failed: ${message}`] : []
  })

/** A start is not reported as failed while its process lives, no matter how long the start takes. */
export const starts: Judge = ({ processes, commands }) =>
  commands.flatMap((command) => {
    const { id, kind, heard = Number.POSITIVE_INFINITY } = command
    if (kind !== 'start' || !failed(command)) return []
    const late = processes.find(({ run, ready = 0 }) => run === 1 && ready > heard)
    return late
      ? [`start ${id} had failed, and its process became ready ${late.ready! - heard} ms later`]
      : []
  })

const restartPolicy = (commands: Issued[]) => {
  const start = commands.find(({ kind }) => kind === 'start')
  return (start?.body.spec as { restart?: object } | undefined)?.restart
}
