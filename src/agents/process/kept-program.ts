import { existsSync, linkSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Agent } from '../agent.ts'

type Launched = Pick<Agent, 'folder' | 'run' | 'runtime'>

const linkOf = ({ folder, runtime }: Launched) => join(folder.dir, runtime.name)

/**
 * Keeps the agent's program on the disk while the agent runs, even if an update deletes that version. The
 * program needs its own file, because it starts itself again for some of its tools. The hard link takes no
 * space while the original exists.
 * @returns the path to start: the link, or the original path if no link is needed or possible
 */
export function keepProgram(agent: Launched): string {
  const { program } = agent.run
  const link = linkOf(agent)
  // The run was launched in the meantime.
  if (existsSync(agent.folder.claim(agent.run.run))) return existsSync(link) ? link : program
  try {
    rmSync(link, { force: true })
    const file = realpathSync(program)
    if (!agent.runtime.isPruned(file)) return program
    linkSync(file, link)
    return link
  } catch {
    // The program is on another file system, or this user is not permitted to create a link to it.
    return program
  }
}

/** Deletes the link of an agent that has ended, so that an old version does not stay on disk. */
export const releaseProgram = (agent: Launched) => rmSync(linkOf(agent), { force: true })
