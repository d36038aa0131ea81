import { closeSync, constants, fstatSync, readSync } from 'node:fs'
import { openPlain } from '../../platform/plain-files.ts'
import type { RuntimeAdapter } from '../runtimes/runtime.ts'
import type { AgentFolder } from './folder.ts'
import type { RunRecord, Snapshot } from './records.ts'

/** Maximum length of quoted stderr output, both in characters and in bytes. */
const CHARS = 2000
const BYTES = 4 * CHARS

/**
 * Maximum length, in characters, for an agent that ended after it was ready. This limit is lower because the
 * journal of such an agent explains more.
 */
const DETAIL_CHARS = 300
/** Exit codes of a shell for a program that cannot be run, or does not exist. */
const CANNOT_RUN = [126, 127]

type Blank = (text: string) => string

interface Ended {
  folder: AgentFolder
  run: RunRecord
  runtime: Pick<RuntimeAdapter, 'explain'>
}

/**
 * Adds an agent's last stderr output to its snapshot, if the agent ended by itself.
 * @param blank removes secrets from a text
 */
export function explainEnd(snapshot: Snapshot, agent: Ended, blank: Blank = (text) => text) {
  const { state, exit, failure } = snapshot
  const ended = () => said(agent, blank)
  if (state === 'failed' && !failure)
    snapshot.failure = ownWords(agent, ended(), exit?.code, snapshot.start_refused)
  if (state !== 'exited' || exit?.reason !== 'crashed' || exit.detail !== undefined) return
  const words = ended().slice(-DETAIL_CHARS)
  if (words !== '') snapshot.exit = { ...exit, detail: `Its last output: ${words}` }
}

/**
 * Explains why an agent ended before it was ready. Uses the runtime's reason and the stderr output of the
 * last run.
 */
function ownWords(
  agent: Ended,
  output: string,
  code: number | undefined,
  refusal: Snapshot['start_refused'],
) {
  const stderr = output.replace(/^error: /i, '')
  const { reason, message = '' } = refusal ?? {}
  // If the runtime gave a reason, prefer the runtime's message, because wrappers and hooks also write to
  // stderr.
  const words = reason === undefined ? stderr || message : message || stderr
  const explained = agent.runtime.explain(words, reason)
  if (explained) return { code: 'start_failed', ...explained }
  if (words) return { code: 'start_failed', message: reason === undefined ? words : `${words} (${reason})` }
  const how = CANNOT_RUN.includes(code ?? 0)
    ? `Cannot run ${agent.run.program} or its interpreter`
    : 'The agent ended before it was ready'
  return { code: 'start_failed', message: `${how} (${reason ?? `exit code ${code ?? 'unknown'}`}).` }
}

/** Returns the end of the last run's output. Secrets are removed before the beginning is cut off. */
const said = ({ folder, run }: Ended, blank: Blank) =>
  blank(endOf(folder.stderr, run.stderr_from ?? 0))
    .slice(-CHARS)
    .trim()

/** Reads the end of a file. @param from offset of the run's first byte @returns '' if there is none, or on errors */
function endOf(path: string, from: number): string {
  let fd: number | undefined
  try {
    fd = openPlain(path, constants.O_RDONLY)
    const { size } = fstatSync(fd)
    // If the file is shorter than `from`, its beginning was deleted in the meantime.
    const begin = size < from ? 0 : from
    const bytes = Buffer.alloc(Math.min(BYTES, size - begin))
    return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, size - bytes.length)).toString()
  } catch {
    return ''
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}
