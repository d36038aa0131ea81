import { existsSync, linkSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Agent } from './agent.ts'

type Launched = Pick<Agent, 'folder' | 'run' | 'runtime'>

const linkOf = ({ folder, runtime }: Launched) => join(folder.dir, runtime.name)

/**
 * Keeps a program that its updates delete, for as long as an agent runs: it may start itself again for some of its
 * tools. A hard link costs nothing while there are others.
 * @returns the path to start it by: the link, or its own where it needs none, or can have none
 */
export function keepProgram(agent: Launched): string {
  const { program } = agent.run
  const link = linkOf(agent)
  // It runs already.
  if (existsSync(agent.folder.claim(agent.run.run))) return existsSync(link) ? link : program
  try {
    rmSync(link, { force: true })
    const file = realpathSync(program)
    if (!agent.runtime.isPruned(file)) return program
    linkSync(file, link)
    return link
  } catch {
    // On another file system, or not this user's to link.
    return program
  }
}

/** For an agent that has ended: an old version is not kept for nothing. */
export const releaseProgram = (agent: Launched) => rmSync(linkOf(agent), { force: true })
