import type { Agent } from '../agents/agent.ts'
import { CommandFailure } from '../agents/command-failure.ts'
import type { Clock } from '../platform/clock.ts'
import { readJson, writeAtomic } from '../platform/files.ts'
import type { Logger } from '../platform/log.ts'
import { realPath } from '../platform/real-path.ts'
import type { CommandOf, ResultOf } from '../protocol/index.ts'
import { changesIn } from '../workspace/changes.ts'
import { WorkspaceFailure } from '../workspace/failure.ts'
import { fileLines } from '../workspace/file-lines.ts'
import type { Place } from '../workspace/place.ts'
import { recordStart, StartRecord } from '../workspace/start-record.ts'
import { type ReadingRules, withPlaces } from './agent-places.ts'
import { ReadingTurns } from './reading-turns.ts'

export interface WorkspacesOptions {
  /** Returns the rules for reading folders. @throws CommandFailure if the policy does not permit the folders */
  rulesFor(folders: string[]): ReadingRules
  /** Returns a part of a message in the form in which the server receives it, without secrets. */
  redacted<T extends object>(part: T): T
  clock: Clock
  logger: Logger
}

/** Reads the folders in which agents work. */
export class Workspaces {
  readonly #options: WorkspacesOptions
  readonly #turns: ReadingTurns

  constructor(options: WorkspacesOptions) {
    this.#options = options
    this.#turns = new ReadingTurns(options.clock)
  }

  /** Returns a page of the changes in an agent's folders. @throws CommandFailure */
  diff(
    agent: Agent,
    { since, paths, stat, after }: CommandOf<'workspace:diff'>,
  ): Promise<ResultOf<'workspace:diff'>> {
    if (since !== 'head' && since !== 'start')
      throw new CommandFailure('invalid_command', `since cannot be ${since}.`, {
        path: 'since',
        remedy: 'Use head or start.',
      })
    const { redacted } = this.#options
    const start = since === 'start' ? startOf(agent) : undefined
    const options = { stat, after, redacted, ...(paths && { paths }), ...(start && { start }) }
    return this.#read(agent, async (places) => ({ since, ...(await changesIn(places, options)) }))
  }

  /** Returns lines of a file in an agent's folder. @throws CommandFailure */
  file(agent: Agent, command: CommandOf<'workspace:file'>): Promise<ResultOf<'workspace:file'>> {
    const { folder = agent.record.spec.cwd, path, from_line, lines } = command
    const { redacted } = this.#options
    return this.#read(agent, (places) => {
      const real = realPath(folder)
      const place = places.find((each) => each.named === folder || each.folder.real === real)
      if (!place)
        throw new CommandFailure('file_refused', `${folder} is not a folder of this agent.`, {
          path: 'folder',
          remedy: 'Name the working directory of the agent, or one of its additional folders.',
        })
      return fileLines(place, { path, from_line, lines, redacted })
    })
  }

  /** Records the state of a new agent's folders. A failure only means that this state is not known later. */
  async noteStart(agent: Agent): Promise<void> {
    try {
      const record = await this.#read(agent, recordStart, { mayFail: false })
      writeAtomic(agent.folder.start, JSON.stringify(record))
    } catch (error) {
      this.#options.logger.debug({ agent_id: agent.id, err: error }, 'cannot record the state of the folder')
    }
  }

  async #read<T>(
    agent: Agent,
    run: (places: Place[]) => Promise<T>,
    { mayFail }: { mayFail: boolean } = { mayFail: true },
  ): Promise<T> {
    const rulesFor = (folders: string[]) => this.#options.rulesFor(folders)
    return this.#turns.take(agent.id, mayFail, () => inCommand(withPlaces(agent.record, rulesFor, run)))
  }
}

/** Converts the failure of a reading into the failure of a command. */
export async function inCommand<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading
  } catch (error) {
    if (!(error instanceof WorkspaceFailure)) throw error
    const { code, message, remedy } = error
    throw new CommandFailure(code, message, { ...(remedy !== undefined && { remedy }) })
  }
}

/** Returns the state of an agent's folders at its start. @throws CommandFailure if it is not known */
function startOf(agent: Agent): StartRecord {
  const read = readJson(agent.folder.start, StartRecord)
  if (read.ok) return read.value
  throw new CommandFailure(
    'start_unknown',
    `The state of the folders at the start of ${agent.id} is not known.`,
    { remedy: 'Compare with the commit that is checked out (`head`).' },
  )
}
