import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { syncFolder } from '../../platform/files.ts'
import { createPlain } from '../../platform/plain-files.ts'
import { realPath } from '../../platform/real-path.ts'
import { AgentId } from '../../protocol/index.ts'
import { CURRENT_MARK } from './cursors-current.ts'
import type { RunRecord, SpecRecord } from './records.ts'

/** Paths of an agent's files. README.md in this folder says which process writes which file. */
export interface AgentFolder {
  readonly dir: string
  /** `dir` with links resolved. The environment of the agent's processes contains this path. */
  readonly real: string
  readonly spec: string
  readonly run: string
  readonly journal: string
  readonly cursor: string
  readonly generations: string
  readonly process: string
  readonly exit: string
  readonly limit: string
  readonly start: string
  readonly stderr: string
  readonly inputs: string
  readonly inbox: string
  readonly fed: string
  readonly stdin: string
  readonly bell: string
  readonly lease: string
  readonly launcher: string
  readonly environment: string
  /** Shell commands that set the agent's variables in its sandbox. */
  readonly variables: string
  /** Folder of the files that an agent reads if it runs as another user. */
  readonly given: string
  claim(run: number): string
}

export function agentFolder(dir: string, real = realPath(dir)): AgentFolder {
  const at = (name: string) => join(dir, name)
  return {
    dir,
    real,
    spec: at('spec.json'),
    run: at('run.json'),
    journal: at('activity.jsonl'),
    cursor: at('cursor.json'),
    generations: at('generations.json'),
    process: at('process.json'),
    exit: at('exit.json'),
    limit: at('limit.json'),
    start: at('start.json'),
    stderr: at('stderr.log'),
    inputs: at('inputs.jsonl'),
    inbox: at('in'),
    fed: at('fed'),
    stdin: at('stdin'),
    bell: at('bell'),
    lease: at('lease'),
    launcher: at('launch.sh'),
    environment: at('env.sh'),
    variables: at('variables.sh'),
    given: at('given'),
    claim: (run) => at(`run.${run}`),
  }
}

/** Lists the agents that have a folder in `parent`. Deletes folders whose creation or removal was interrupted. */
export function namesIn(parent: string): string[] {
  const names = readdirSync(parent)
  for (const name of names)
    if (name.startsWith('.') && name !== CURRENT_MARK)
      rmSync(join(parent, name), { recursive: true, force: true })
  return names.filter((name) => AgentId.safeParse(name).success)
}

/**
 * Creates a new agent's folder in `parent`, atomically.
 * @param discard called to delete the folder if it is incomplete
 * @throws the system error
 */
export function makeFolder(
  parent: string,
  record: SpecRecord,
  run: RunRecord,
  discard: (dir: string) => void,
): AgentFolder {
  const real = realPath(parent)
  const at = (name: string) => agentFolder(join(parent, name), join(real, name))
  const making = at(`.new-${record.agent_id}`)
  const folder = at(record.agent_id)
  rmSync(making.dir, { recursive: true, force: true })
  try {
    for (const path of [making.dir, making.inbox, making.fed]) mkdirSync(path, { mode: 0o700 })
    writeFileSync(making.journal, '', { mode: 0o600 })
    writeSynced(making.spec, JSON.stringify(record))
    writeSynced(making.run, JSON.stringify(run))
    syncFolder(making.dir)
    renameSync(making.dir, folder.dir)
  } catch (error) {
    if (existsSync(making.dir)) discard(making.dir)
    throw error
  }
  return folder
}

function writeSynced(path: string, text: string) {
  const fd = createPlain(path)
  try {
    writeFileSync(fd, text)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
